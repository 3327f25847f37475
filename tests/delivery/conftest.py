"""The sandbox as a process, for every provider's tests."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proof.waiting import wait_until
from shared.config import base_environment
from tests.delivery.fakes import FakeLedger, serve


@dataclass(frozen=True)
class Sandbox:
    """Where it listens."""

    http: str
    smtp_port: int
    smtps_port: int
    home: Path

    def call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.http + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def fault(self, provider: str, action: str, value: object = None, times: int | None = None, **more: object) -> None:
        """Puts one fault in force, in place of any other."""
        rule = {"provider": provider, "action": action, "value": value, "times": times, **more}
        self.call("PUT", "/api/faults", [rule])

    def receipts(self) -> list[dict[str, Any]]:
        return list(self.call("GET", "/api/receipts?limit=1000")["receipts"])


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with run_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@contextlib.contextmanager
def run_sandbox(home: Path, **settings: str) -> Iterator[Sandbox]:
    """A sandbox process with all ports free ones; ``settings`` are its own, without their prefix."""
    environment = {
        **base_environment(),
        "PULSE_HOME": str(home),
        "PULSE_SANDBOX_PORT": "0",
        "PULSE_SANDBOX_SMTP_PORT": "0",
        "PULSE_SANDBOX_SMTPS_PORT": "0",
        "PULSE_METRICS_PORT": "0",
        **{f"PULSE_SANDBOX_{key.upper()}": value for key, value in settings.items()},
    }
    process = subprocess.Popen([sys.executable, "-m", "services.sandbox"], env=environment)
    run_file = home / "run" / "sandbox.json"
    try:
        wait_until(lambda: process.poll() is not None or run_file.exists())
        assert process.poll() is None
        ports = json.loads(run_file.read_text())
        yield Sandbox(f"http://127.0.0.1:{ports['http']}", ports["smtp"], ports["smtps"] or 0, home)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """The sandbox, without receipts and faults."""
    sandbox_process.call("PUT", "/api/faults", [])
    sandbox_process.call("DELETE", "/api/receipts")
    return sandbox_process


@pytest.fixture
async def ledger() -> AsyncIterator[tuple[FakeLedger, str]]:
    """A fake ledger, and the address it is served at."""
    fake = FakeLedger()
    server = await serve(fake)
    yield fake, f"127.0.0.1:{server.port}"
    await server.stop()
