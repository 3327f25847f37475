"""``python -m tests.e2e.check_jaeger``: sends a one-time code, and asks the real Jaeger for the trace of it.

Builds Jaeger with Go into an ignored folder first. Neither the tests nor CI need it: it shows that what the tests
receive in its place is what it understands, and that a notification is found by its id.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from proof.waiting import wait_until
from services.local.home import checkout
from shared.config import base_environment
from tests.e2e.suite import Suite
from tests.e2e.suite import running as suite_running
from tests.support.servers import running

JAEGER = "github.com/jaegertracing/jaeger@v1.76.0"
BINARY = checkout() / "build" / "bin" / "jaeger"
HOST = "127.0.0.1"
#: Its servers, by the option that says where each listens.
LISTENERS = (
    "collector.otlp.grpc",
    "collector.otlp.http",
    "collector.grpc-server",
    "collector.http-server",
    "query.grpc-server",
    "query.http-server",
    "admin.http",
)
#: Who takes part in the way of a code to the provider; and who else has spans, of a page and of the receipt.
WAY = frozenset(f"pulse-{role}" for role in ("envoy", "gateway", "router", "ledger", "worker-high", "sandbox"))
ALL = WAY | {"pulse-console", "pulse-delivery"}
CODE = {"template_name": "login_otp", "user_id": "ann", "to": "+15551234567", "context": {"code": "424242"}}


class Jaeger(NamedTuple):
    """One that runs: where it takes spans, and its API."""

    otlp: str
    api: httpx.Client

    def services(self) -> set[str]:
        """Who has sent it spans."""
        return set(self._data("/api/services"))

    def traces_of(self, notification_id: str) -> list[dict[str, Any]]:
        """Those with a worker's span that has this id."""
        tags = json.dumps({"pulse.notification_id": notification_id})
        return self._data("/api/traces", service="pulse-worker-high", tags=tags)

    def _data(self, path: str, **query: str) -> list[Any]:
        return self.api.get(path, params=query).raise_for_status().json()["data"] or []


def main() -> int:
    """0 if Jaeger has the whole trace; raises if not."""
    install()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pulse-jaeger-")))
        jaeger = stack.enter_context(started(folder / "jaeger.log"))
        settings = {"OTLP_ENDPOINT": jaeger.otlp, "GATEWAY_TRACE_RATIO": "1", "SANDBOX_CALLBACKS": "on"}
        environment = {f"PULSE_{name}": value for name, value in settings.items()}
        suite = stack.enter_context(suite_running(folder / "home", **environment))
        spans = trace_of_a_code(suite, jaeger)
    say(", ".join(f"{service} {count}" for service, count in sorted(spans.items())))
    return 0


def install() -> None:
    """Nothing if it is there. ``go install`` refuses a module that replaces others, so it is built where it lies."""
    if BINARY.exists():
        return
    say(f"go build {JAEGER} (some minutes)")
    environment = base_environment()
    found = subprocess.run(
        ["go", "mod", "download", "-json", JAEGER], env=environment, check=True, stdout=subprocess.PIPE
    )
    BINARY.parent.mkdir(parents=True, exist_ok=True)
    command = ["go", "build", "-o", str(BINARY), "./cmd/all-in-one"]
    subprocess.run(command, cwd=json.loads(found.stdout)["Dir"], env=environment, check=True)


@contextmanager
def started(log: Path) -> Iterator[Jaeger]:
    """Jaeger on free ports of the loopback; what it keeps is in its memory."""
    ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
    options = [f"--{name}.host-port={HOST}:{port}" for name, port in ports.items()]
    api = httpx.Client(base_url=f"http://{HOST}:{ports['query.http-server']}", timeout=10, trust_env=False)

    def is_ready() -> bool:
        try:
            return api.get("/api/services").is_success
        except httpx.TransportError:
            return False

    with closing(api), running([str(BINARY), *options], log, is_ready, signal.SIGTERM):
        yield Jaeger(f"http://{HOST}:{ports['collector.otlp.grpc']}", api)


def free_ports(count: int) -> list[int]:
    """Different ones, free a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


def trace_of_a_code(suite: Suite, jaeger: Jaeger) -> Counter[str]:
    """Sends a code and looks at a page; how many spans of the code's trace Jaeger has, by service."""
    id_ = suite.rest.post("/v1/notifications", json=CODE).raise_for_status().json()["notification_id"]
    suite.rest.get("/console").raise_for_status()
    wait_until(lambda: any(set(by_service(trace)) >= WAY for trace in jaeger.traces_of(id_)), timeout=60)
    wait_until(lambda: jaeger.services() >= ALL, timeout=60)
    (trace,) = jaeger.traces_of(id_)
    return by_service(trace)


def by_service(trace: dict[str, Any]) -> Counter[str]:
    """Its spans, counted."""
    return Counter(trace["processes"][span["processID"]]["serviceName"] for span in trace["spans"])


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
