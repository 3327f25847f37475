"""The processes of a suite under test, and what stands between them.

Every connection between two of them goes through a :class:`proof.chaos.proxy.Link`, because their addresses are
settings. Each lane has two workers: what one that is frozen holds, the other must be able to take over.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from proof.chaos.proxy import Link
from proof.suite import everyday_roles
from services.local import probes
from services.local.home import Home
from services.local.plan import Plan
from services.local.ports import Ports
from services.local.roles import Role

#: A link and the role's port behind it.
LINKS = {
    "client": "grpc",  # callers to gateway
    "router": "router",  # gateway to router
    "stream": "router",  # HIGH workers to the router that they wait at
    "gateway-ledger": "ledger",
    "router-ledger": "ledger",
    "worker-ledger": "ledger",
    "delivery-ledger": "ledger",
    "database": "postgres",  # ledger to PostgreSQL
    "limits": "valkey",  # router to its rate limits
    "publish": "valkey",  # router to the broker
    "consume": "valkey",  # workers to the broker
    "smtp": "sandbox_smtp",  # workers to the mail server
    "http": "sandbox",  # workers to Twilio and FCM
}

WORKERS = ("worker-high", "worker-low", "worker-high-2", "worker-low-2")


def make_links(ports: Ports) -> dict[str, Link]:
    """One link each, not yet started."""
    return {name: Link(name, getattr(ports, port)) for name, port in LINKS.items()}


def make_roles(links: Mapping[str, Link]) -> list[Role]:
    """The roles of a local run, each told the links' addresses in place of the others' own."""
    roles = []
    for role in everyday_roles():
        told = _told(role.name, links)
        roles.append(_with(role, told))
        if role.name.startswith("worker-"):
            roles.append(_second(_with(role, told)))
    return roles


def clock_file(plan: Plan, role: str) -> Path:
    """Where a role's clock finds by how much it is wrong."""
    return plan.home.run / f"{role}.clock"


def of_version(role: Role, root: Path) -> Role:
    """The role as the code in ``root`` plays it, with a right clock."""
    base = role.environment

    def command(plan: Plan) -> Sequence[str]:
        return [sys.executable, "-P", "-m", *role.command(plan)[4:]]

    def environment(plan: Plan) -> dict[str, str]:
        return {**base(plan), "PYTHONPATH": f"{root}:{root / 'proto' / 'gen'}"}

    return dataclasses.replace(role, command=command, environment=environment)


def _told(role: str, links: Mapping[str, Link]) -> Callable[[Plan], dict[str, str]]:
    """What is known only once the links have ports."""

    def told(plan: Plan) -> dict[str, str]:
        address = {name: link.address for name, link in links.items()}
        broker = {"PULSE_BROKER_URL": plan.redis_url(1, address["publish"])}
        if role == "ledger":
            return {"PULSE_DATABASE_URL": plan.database_url(address=address["database"])}
        if role == "router":
            limits = {"PULSE_REDIS_URL": plan.redis_url(0, address["limits"])}
            return {"PULSE_LEDGER_ADDRESS": address["router-ledger"], **limits, **broker}
        if role == "gateway":
            return {"PULSE_ROUTER_ADDRESS": address["router"], "PULSE_LEDGER_ADDRESS": address["gateway-ledger"]}
        if role == "delivery":
            return {"PULSE_LEDGER_ADDRESS": address["delivery-ledger"]}
        if role in WORKERS:
            return {
                "PULSE_LEDGER_ADDRESS": address["worker-ledger"],
                "PULSE_ROUTER_ADDRESS": address["stream"],
                "PULSE_BROKER_URL": plan.redis_url(1, address["consume"]),
                "PULSE_SMTP_PORT": str(links["smtp"].port),
                "PULSE_TWILIO_BASE_URL": f"http://{address['http']}",
                "PULSE_FCM_BASE_URL": f"http://{address['http']}",
            }
        return {}

    return told


def _with(role: Role, told: Callable[[Plan], dict[str, str]]) -> Role:
    base, command = role.environment, role.command
    changed = dataclasses.replace(role, environment=lambda plan: {**base(plan), **told(plan)})
    if role.name in ("postgres", "valkey", "migrate", "sandbox", "envoy"):
        return changed

    def clocked(plan: Plan) -> Sequence[str]:
        module = list(command(plan))[2:]
        return [sys.executable, "-m", "proof.chaos.clocked", str(clock_file(plan, role.name)), *module]

    return dataclasses.replace(changed, command=clocked)


def _second(role: Role) -> Role:
    """Another worker of the same lane, with a run folder of its own."""
    base = role.environment

    def home(plan: Plan) -> Home:
        return Home(plan.home.path / "second")

    return dataclasses.replace(
        role,
        name=f"{role.name}-2",
        probe=lambda plan: probes.ready_file(home(plan).ready_file(role.name)),
        environment=lambda plan: {**base(plan), "PULSE_HOME": str(home(plan).path)},
    )
