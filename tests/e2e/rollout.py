"""Two versions of Pulse side by side: one PostgreSQL, one Valkey, one sandbox, and each version's own processes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from proof.chaos.profiles import SHORT
from proof.chaos.suite import API_KEYS
from proof.planning import make_plan, with_keys
from proof.suite import Suite
from services.local.plan import Plan
from services.local.roles import MIGRATE, POSTGRES, SANDBOX, VALKEY, Role, module, service, worker

#: What both versions share.
SHARED = (POSTGRES, VALKEY, SANDBOX)
#: What each version brings, once its schema is there.
ROLES = tuple(
    dataclasses.replace(role, after=("migrate",))
    for role in (
        service("ledger", "ledger"),
        service("router", "router"),
        service("gateway", "grpc"),
        service("delivery", "delivery"),
        worker("high"),
        worker("low"),
    )
)
#: Each service's port, and the settings by which the others find it.
_PLACES = {"ledger": "LEDGER", "router": "ROUTER", "grpc": "GATEWAY", "delivery": "DELIVERY"}


class Rollout:
    """Version N and N+1. ``endings`` tells how each process of N ended that was asked to."""

    def __init__(self, before: Plan, after: Plan) -> None:
        self.before = before
        self.after = after
        self.endings: dict[str, str] = {}
        self._old = Suite(before, [self._told(role) for role in (MIGRATE, *ROLES)])
        self._new = Suite(after, SHARED)

    @property
    def gateway(self) -> str:
        """The gRPC target of both gateways."""
        return self._places()["PULSE_GATEWAY_ADDRESS"]

    @property
    def database(self) -> str:
        return self.after.database_url()

    @property
    def receipts(self) -> Path:
        """The providers' own log."""
        return self.after.home.data / "sandbox" / "receipts.jsonl"

    async def start_old(self) -> None:
        """Returns when all of version N is ready, on a schema of its own."""
        await self._new.start()
        await self._old.start()

    async def migrate(self, *arguments: str) -> None:
        """Migrates as N+1 does."""
        role = dataclasses.replace(MIGRATE, command=module("services.ledger.migrate", *arguments))
        await self._new.add(self._told(role))

    async def start_new(self, name: str) -> None:
        """Returns when N+1's process of a role is ready, beside N's."""
        role = next(role for role in ROLES if role.name == name)
        await self._new.add(self._told(role))

    async def stop_old(self, name: str) -> None:
        """SIGTERM to N's process of a role; returns when it has ended."""
        ended = asyncio.create_task(self._old.units[name].until_ended())
        await self._old.halt(name)
        self.endings[name] = await ended

    async def stop(self) -> None:
        """Ends whatever still runs."""
        await self._old.stop()
        await self._new.stop()

    def _told(self, role: Role) -> Role:
        """The role with the addresses of both versions' services, as a name in DNS would give them."""
        own = role.environment
        return dataclasses.replace(role, environment=lambda plan: {**own(plan), **self._places()})

    def _places(self) -> Mapping[str, str]:
        return {
            f"PULSE_{name}_ADDRESS": f"ipv4:{self.before.ports.address(port)},{self.after.ports.address(port)}"
            for port, name in _PLACES.items()
        } | {
            "PULSE_DATABASE_URL": self.after.database_url(),
            "PULSE_REDIS_URL": self.after.redis_url(0),
            "PULSE_BROKER_URL": self.after.redis_url(1),
        }


#: Of those that callers need, what version N knows too.
KNOWN_SCOPES = ["send", "read", "templates", "operate"]
#: How settings begin that version N does not know, and would refuse to start with.
NEW_SETTINGS = (
    "PULSE_LEDGER_RETRY_POLICIES",
    "PULSE_ROUTER_EMAIL_MAX_ATTEMPTS",
    "PULSE_TWILIO_WHATSAPP_",
    "PULSE_APNS_",
    "PULSE_WEBPUSH_",
    "PULSE_APPRISE_",
    "PULSE_DELIVERY_EVENT_",
)


def _known(settings: Mapping[str, str]) -> dict[str, str]:
    """Those that version N knows."""
    return {key: value for key, value in settings.items() if not key.startswith(NEW_SETTINGS)}


class _Before(Plan):
    """A plan whose processes are told what version N knows."""

    def environment(self, role: str, own: Mapping[str, str]) -> dict[str, str]:
        return _known(super().environment(role, own))


@contextlib.asynccontextmanager
async def rolling(folder: Path, tree: Path) -> AsyncIterator[Rollout]:
    """Version N, whose code is in ``tree``, running in ``folder``; everything has ended when the block has."""
    settings = {**SHORT.environment, **with_keys(folder, API_KEYS, KNOWN_SCOPES)}
    after = _plan(folder / "after", settings)
    before = _plan(folder / "before", {**_known(settings), "PYTHONPATH": code_path(tree)})
    shared = {name: getattr(after.ports, name) for name in ("postgres", "valkey", "sandbox", "sandbox_smtp")}
    ports = dataclasses.replace(before.ports, **shared)
    fields = {one.name: getattr(before, one.name) for one in dataclasses.fields(before)}
    before = _Before(**{**fields, "root": tree, "ports": ports})
    rollout = Rollout(before, after)
    try:
        await rollout.start_old()
        yield rollout
    finally:
        await rollout.stop()


def code_path(tree: Path) -> str:
    """PYTHONPATH of a process that begins in ``tree``: what of its code is not found from there."""
    return f"{tree / 'proto' / 'gen'}:{tree / 'clients' / 'python'}"


def origins(plan: Plan) -> list[Path]:
    """From where a version's processes import services, shared code, stubs and client."""
    script = "import services, shared, pulse_client, pulse.ledger.v1.records_pb2 as stubs\n"
    script += "print(services.__file__, shared.__file__, pulse_client.__file__, stubs.__file__, sep='\\n')"
    environment = plan.environment("probe", {})
    command = [*module("services")(plan)[:1], "-c", script]
    done = subprocess.run(command, cwd=plan.root, env=environment, capture_output=True, text=True, check=True)
    return [Path(line) for line in done.stdout.splitlines()]


def _plan(folder: Path, settings: Mapping[str, str]) -> Plan:
    return make_plan(folder, settings, stop_seconds=SHORT.drain_s + 8, ready_seconds=40.0)
