"""The parts of a local run: one line each in :data:`ROLES`.

To add a role, add a line: its command, when it counts as ready, and which others it needs.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.local import postgres, probes, valkey
from services.local.envoy import process
from services.local.plan import Plan
from services.local.ports import HOST


@dataclass(frozen=True)
class Role:
    """One process of a local run, or one step that runs once and ends (``once``)."""

    name: str
    command: Callable[[Plan], Sequence[str]]
    probe: Callable[[Plan], probes.Probe] = probes.never
    #: Which of the run's ports it listens on; empty: none.
    port: str = ""
    #: Roles that must be ready (steps: done) before this one starts.
    after: tuple[str, ...] = ()
    #: Roles it calls while it works, so it stops before they do.
    uses: tuple[str, ...] = ()
    #: Environment of this role alone, on top of the run's.
    environment: Callable[[Plan], Mapping[str, str]] = field(default=lambda _plan: {})
    #: Work before the first start, in a thread.
    prepare: Callable[[Plan], None] = field(default=lambda _plan: None)
    once: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    #: What the kernel sends it when the supervisor dies.
    orphan_signal: signal.Signals = signal.SIGKILL


def module(name: str, *arguments: str) -> Callable[[Plan], Sequence[str]]:
    """The command that runs a module of this suite."""
    return lambda _plan: [sys.executable, "-m", name, *arguments]


def service(
    name: str, port: str, after: tuple[str, ...] = (), uses: tuple[str, ...] = (), metrics_port: str = ""
) -> Role:
    """A role that serves gRPC on the port called ``port`` and metrics on ``metrics_port`` (empty: any free one)."""
    return Role(
        name,
        module(f"services.{name}"),
        lambda plan: probes.grpc_health(getattr(plan.ports, port), plan.certificates, name),
        port,
        after,
        uses,
        lambda plan: {
            "PULSE_LISTEN": plan.ports.address(port),
            "PULSE_METRICS_PORT": str(getattr(plan.ports, metrics_port) if metrics_port else 0),
            **plan.certificate(name),
        },
    )


def worker(lane: str) -> Role:
    """The delivery workers of one lane."""
    name = f"worker-{lane}"
    return Role(
        name,
        module("services.delivery.worker", lane),
        lambda plan: probes.ready_file(plan.home.ready_file(name)),
        after=("valkey",),
        uses=("ledger", "valkey", "sandbox"),
        environment=lambda plan: {"PULSE_METRICS_PORT": "0", **plan.certificate("worker")},
    )


POSTGRES = Role(
    "postgres",
    postgres.command,
    lambda plan: probes.succeeds(postgres.is_ready_command(plan), plan.ports.postgres),
    port="postgres",
    prepare=postgres.prepare,
    stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
    orphan_signal=signal.SIGQUIT,  # "immediate": takes its own children with it; the log replays at the next start
)
VALKEY = Role(
    "valkey",
    valkey.command,
    lambda plan: probes.valkey_ping(plan.ports.valkey),
    port="valkey",
    prepare=valkey.prepare,
)
MIGRATE = Role("migrate", module("services.ledger.migrate"), after=("postgres",), uses=("postgres",), once=True)
SANDBOX = Role(
    "sandbox",
    module("services.sandbox"),
    lambda plan: probes.http(plan.ports.sandbox, "/healthz"),
    port="sandbox",
    environment=lambda plan: {
        "PULSE_SANDBOX_PORT": str(plan.ports.sandbox),
        "PULSE_SANDBOX_SMTP_PORT": str(plan.ports.sandbox_smtp),
        "PULSE_METRICS_PORT": "0",
    },
)
CONSOLE = Role(
    "console",
    module("services.console"),
    lambda plan: probes.http(plan.ports.console, "/healthz"),
    port="console",
    uses=("gateway",),
    environment=lambda plan: {
        "PULSE_CONSOLE_HOST": HOST,
        "PULSE_CONSOLE_PORT": str(plan.ports.console),
        "PULSE_CONSOLE_SANDBOX_URL": f"http://localhost:{plan.ports.sandbox}",
        "PULSE_METRICS_PORT": "0",
        **plan.certificate("console"),
    },
)
ENVOY = Role(
    "envoy",
    process.command,
    lambda plan: probes.http(plan.ports.envoy_admin, "/ready"),
    port="http",
    uses=("gateway", "delivery", "console"),
    prepare=process.prepare,
)
#: Only where keys are asked for; it makes none where there is one.
FIRST_KEY = Role(
    "first-key",
    lambda plan: [
        *module("services.ledger.first_key", "--name", "first", "--file")(plan),
        str(plan.home.first_key_file),
    ],
    after=("migrate",),
    uses=("postgres",),
    once=True,
)
SEED = Role(
    "seed",
    module("services.cli.seed"),
    after=("gateway", "router", "ledger", "first-key"),
    uses=("gateway",),
    environment=lambda plan: {**plan.certificate("client"), **_first_key(plan)},
    once=True,
)


def _first_key(plan: Plan) -> dict[str, str]:
    """The key by which the first templates are made; none once it was shown, when they have been made long ago."""
    file = plan.home.first_key_file
    return {"PULSE_API_KEY": file.read_text(encoding="ascii")} if file.exists() else {}


#: In the order in which they are shown and, where nothing else decides, started.
ROLES: tuple[Role, ...] = (
    POSTGRES,
    VALKEY,
    MIGRATE,
    SANDBOX,
    service("ledger", "ledger", after=("migrate",), uses=("postgres",)),
    service("router", "router", after=("valkey",), uses=("ledger", "valkey")),
    service("gateway", "grpc", uses=("router", "ledger"), metrics_port="metrics"),
    service("delivery", "delivery", uses=("ledger",)),
    worker("high"),
    worker("low"),
    CONSOLE,
    ENVOY,
    FIRST_KEY,
    SEED,
)


def roles_for(auth: str) -> tuple[Role, ...]:
    """The parts of a run where keys are asked for (``required``), or not (``off``)."""
    return tuple(role for role in ROLES if role is not FIRST_KEY or auth == "required")
