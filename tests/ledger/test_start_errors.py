"""A PostgreSQL that cannot be used is told at start, in a sentence that says what to change."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from structlog.testing import capture_logs

from services.ledger.config import LedgerSettings
from services.ledger.postgres import start_errors
from services.ledger.schema import schema_check
from services.ledger.server import Ledger
from shared.config import StartError, base_environment
from tests.support import eventually

SECRET = "canary4c1d"


@pytest.fixture
def guarded(postgres_server: str) -> Iterator[str]:
    """host:port of a server that wants a password of the user it names, and this user."""
    user = f"guarded_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'another'")
        file = Path(connection.execute("SHOW hba_file").fetchone()[0])  # type: ignore[index]
        before = file.read_text()
        file.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{before}")
        connection.execute("SELECT pg_reload_conf()")
        yield f"{user}:{SECRET}@{urlsplit(postgres_server).netloc.rpartition('@')[2]}"
        file.write_text(before)
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(f"DROP ROLE {user}")


async def refused(url: str) -> str:
    """What is said of a server that is not waited for."""
    settings = LedgerSettings.load({"PULSE_DATABASE_URL": url, "PULSE_LEDGER_START_SECONDS": "0.01"})
    with pytest.raises(StartError) as caught, start_errors.explained():
        await schema_check.until_ready(settings)
    told = str(caught.value)
    assert "\n" not in told and SECRET not in told and "PULSE_DATABASE_URL" in told
    return told


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://pulse:{password}@{place}/no_such", ['"no_such" does not exist', "create that database"]),
        ("postgresql://nobody:{secret}@{place}/pulse", ["password must be right"]),
        ("postgresql://pulse:{secret}@127.0.0.1:1/pulse", ["refused", "host and port must be right"]),
        ("postgresql://pulse:{secret}@no-such.invalid/pulse", ["no-such.invalid", "known here"]),
        ("postgresql://pulse:{secret}@{place}/pulse?sslmode=require", ["SSL", "sslmode"]),
        ("postgresql://pulse:{secret}@{place}/pulse?sslmood=require", ["sslmood is not known", "libpq"]),
        ("postgresql://pulse:{secret}@{place}/pulse?sslmode=perhaps", ["sslmode"]),
    ],
)
async def test_what_is_wrong_with_the_address_is_told(postgres_server: str, url: str, words: list[str]) -> None:
    parts = urlsplit(postgres_server)
    place = parts.netloc.rpartition("@")[2]
    told = await refused(url.format(secret=SECRET, password=parts.password, place=place))
    assert all(word in told for word in words), told


async def test_a_wrong_password_is_told_and_not_shown(guarded: str) -> None:
    assert "password must be right" in await refused(f"postgresql://{guarded}/pulse")


async def test_every_command_that_needs_it_says_so_and_ends_with_status_two(guarded: str) -> None:
    commands = ("", ".migrate", ".maintain", ".first_key --name ann")

    async def ended(command: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *f"services.ledger{command}".split(),
            env={
                **base_environment(),
                "PULSE_DATABASE_URL": f"postgresql://{guarded}/pulse",
                "PULSE_LEDGER_START_SECONDS": "0.1",
                "PULSE_METRICS_PORT": "0",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    for command, (status, said) in zip(commands, await asyncio.gather(*map(ended, commands)), strict=True):
        assert status == 2, (command, said)
        assert "password must be right" in said.strip().splitlines()[-1], said
        assert "Traceback" not in said and SECRET not in said


async def test_a_server_that_is_not_there_yet_is_waited_for_and_that_is_said_at_once() -> None:
    url = f"postgresql://pulse:{SECRET}@127.0.0.1:1/pulse"
    settings = LedgerSettings.load({"PULSE_DATABASE_URL": url, "PULSE_LEDGER_START_SECONDS": "60"})
    with capture_logs() as logs:
        waiting = asyncio.create_task(schema_check.until_ready(settings))
        await eventually(lambda: logs)
        assert not waiting.done()
        waiting.cancel()
    assert logs[0]["event"] == "waiting for PostgreSQL" and "refused" in logs[0]["why"]


async def test_what_is_not_migrated_is_told_by_the_commands_too(database_url: str) -> None:
    settings = LedgerSettings.load({"PULSE_DATABASE_URL": database_url, "PULSE_LEDGER_START_SECONDS": "0.01"})
    with pytest.raises(StartError, match="run `pulse migrate"):
        await schema_check.until_ready(settings)


async def test_an_address_with_an_option_that_is_not_known_stops_the_ledger_with_a_sentence() -> None:
    url = f"postgresql://pulse:{SECRET}@127.0.0.1:1/pulse?sslmood={SECRET}"
    ledger = Ledger(LedgerSettings.load({"PULSE_DATABASE_URL": url, "PULSE_LEDGER_START_SECONDS": "0.01"}))
    with pytest.raises(StartError, match="sslmood is not known") as caught:
        await ledger.start()
    assert SECRET not in str(caught.value)
    await ledger.stop()
