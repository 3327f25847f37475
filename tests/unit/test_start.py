"""What keeps a process from starting is said in one sentence that names what to change, with exit status 2."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.config import base_environment

SECRET = "canary9e2b"
SERVING = ("gateway", "router", "delivery", "console", "sandbox")
EVERYTHING = (
    *(f"services.{role}" for role in (*SERVING, "ledger")),
    "services.delivery.worker high",
    "services.ledger.migrate",
    "services.ledger.maintain",
    "services.ledger.first_key --name ann",
    "services up",
    "services status",
    "services queues",
)


async def ended(command: str, **environment: str) -> tuple[int, str]:
    """How ``python -m command`` ended, and what it said last."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *command.split(),
        env={**base_environment(), "PULSE_METRICS_PORT": "0", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        raise
    text = said.decode()
    assert "Traceback" not in text and SECRET not in text, text
    assert process.returncode is not None
    return process.returncode, text


async def test_an_address_that_cannot_be_one_stops_everything(tmp_path: Path) -> None:
    settings = {
        "PULSE_DATABASE_URL": f"postgresql://pulse:{SECRET}@127.0.0.1:99999/pulse",
        "PULSE_HOME": str(tmp_path),
    }
    found = await asyncio.gather(*(ended(one, **settings) for one in EVERYTHING))
    for command, (status, said) in zip(EVERYTHING, found, strict=True):
        assert (status, len(said.strip().splitlines())) == (2, 1), (command, said)
        assert "PULSE_DATABASE_URL has the port 99999" in said


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something else has."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield int(other.getsockname()[1])


async def test_a_port_that_is_taken_is_named_with_its_setting(taken: int, tmp_path: Path) -> None:
    settings = {
        "PULSE_HOME": str(tmp_path),
        "PULSE_LISTEN": f"127.0.0.1:{taken}",
        "PULSE_CONSOLE_PORT": str(taken),
        "PULSE_CONSOLE_HOST": "127.0.0.1",
        "PULSE_SANDBOX_PORT": str(taken),
    }
    found = await asyncio.gather(*(ended(f"services.{role}", **settings) for role in SERVING))
    for role, (status, said) in zip(SERVING, found, strict=True):
        last = said.strip().splitlines()[-1]
        assert status == 2 and "cannot start" in last and str(taken) in last, said
        setting = {"console": "PULSE_CONSOLE_PORT", "sandbox": "PULSE_SANDBOX"}.get(role, "PULSE_LISTEN")
        assert setting in last


@pytest.mark.parametrize("listen", ["192.0.2.1:0", "nowhere.invalid:0"])
async def test_an_address_that_is_not_this_machines_is_named(listen: str) -> None:
    status, said = await ended("services.gateway", PULSE_LISTEN=listen)
    assert status == 2 and f"{listen} cannot be listened on" in said.strip().splitlines()[-1]


async def test_a_certificate_file_that_is_missing_is_named(tmp_path: Path) -> None:
    pair = {f"PULSE_TLS_{name}_FILE": f"/nowhere/{name.lower()}.pem" for name in ("CERT", "KEY", "CA")}
    broker = {"PULSE_BROKER_URL": f"rediss://:{SECRET}@127.0.0.1/1?ssl_ca_certs=/nowhere/ca.pem"}
    cases = [
        *[(f"services.{role}", pair) for role in ("gateway", "router", "delivery", "console")],
        ("services.delivery.worker low", pair),
        ("services.delivery.worker low", broker),
        ("services.router", broker),
    ]
    home = {"PULSE_HOME": str(tmp_path), "PULSE_LISTEN": "127.0.0.1:0", "PULSE_CONSOLE_PORT": "0"}
    found = await asyncio.gather(*(ended(command, **home, **given) for command, given in cases))
    for command, (status, said) in zip(cases, found, strict=True):
        assert status == 2 and "/nowhere/" in said.strip().splitlines()[-1], (command, said)


@pytest.mark.parametrize(
    "command", ["services up", "services clean-data --yes", "services.delivery.worker high", "services.sandbox"]
)
async def test_a_home_that_cannot_be_written_to_is_named(command: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    status, said = await ended(command, PULSE_HOME=str(file / "home"), PULSE_SANDBOX_PORT="0")
    assert status == 2 and str(file) in said.strip().splitlines()[-1], said


async def test_a_command_of_the_client_names_a_missing_file(tmp_path: Path) -> None:
    settings = {"PULSE_HOME": str(tmp_path), "PULSE_CLI_TLS": "true", "PULSE_CLI_CA_FILE": "/nowhere/ca.pem"}
    status, said = await ended("services queues", **settings)
    assert (status, said) == (2, "pulse: PULSE_CLI_CA_FILE=/nowhere/ca.pem: No such file or directory\n")
