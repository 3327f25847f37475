"""The whole of ``pulse up`` as a process of its own: PostgreSQL and Valkey are real, the rest is a stand-in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proof.planning import ANY_PORTS
from services.local import data, leftovers, status
from services.local.errors import AlreadyRunning
from services.local.home import Home
from services.local.plan import MARK
from services.local.status import State
from tests.support import eventually

PROGRAM = Path(__file__).with_name("small_run.py")


class Run:
    """One start of the program."""

    def __init__(self, environment: dict[str, str], output: Path) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM)], env=environment, stdout=file, stderr=subprocess.STDOUT
            )

    def said(self) -> str:
        return self.output.read_text()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def environment(settings) -> dict[str, str]:
    return {**os.environ, **ANY_PORTS, "PULSE_HOME": settings.home}


@pytest.fixture
def start(environment, tmp_path):
    """Starts the program any number of times; whatever still runs at the end is stopped."""
    runs: list[Run] = []

    def one(**more: str) -> Run:
        runs.append(Run({**environment, **more}, tmp_path / f"output-{len(runs)}"))
        return runs[-1]

    yield one
    for run in runs:
        if run.process.poll() is None:
            run.end()


@pytest.fixture
def ready(start):
    """Starts the program and waits until it says that it is ready."""

    async def one(**more: str) -> Run:
        run = start(**more)
        await eventually(lambda: "Pulse is ready" in run.said() or run.process.poll() is not None, timeout=30)
        assert run.process.poll() is None, run.said()
        return run

    return one


def processes(settings) -> list[int]:
    """All that a run consists of, the children of its roles included."""
    log = Home.of(settings).log("worker-low").read_text()
    return [row.pid for row in status.report(settings) if row.pid] + [int(re.findall(r"child (\d+)", log)[-1])]


@contextlib.contextmanager
def database(settings) -> Iterator[psycopg.Connection]:
    (address,) = (row.address for row in status.report(settings) if row.role == "postgres")
    password = Home.of(settings).secret("postgres")
    with psycopg.connect(f"postgresql://pulse:{password}@{address}/pulse", autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_stop_leaves_nothing_behind(settings, ready, number):
    run = await ready()
    pids = processes(settings)
    assert len(pids) == 4
    assert run.end(number) == 0
    await eventually(lambda: not any(status.is_alive(pid) for pid in pids))
    assert list(Home.of(settings).run.iterdir()) == []
    assert all(row.state is State.STOPPED for row in status.report(settings))


async def test_a_killed_supervisor_takes_its_roles_along_and_the_next_start_works(settings, ready):
    first = await ready()
    with database(settings) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    pids = processes(settings)
    first.end(signal.SIGKILL)
    await eventually(lambda: not any(status.is_alive(pid) for pid in pids[:-1]))
    assert all(row.state is State.STOPPED for row in status.report(settings))

    second = await ready()
    assert not status.is_alive(pids[-1]), "the orphan of a role is ended by the next start"
    with database(settings) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert second.end() == 0


async def test_a_second_start_in_the_same_home_says_who_is_there(settings, start, ready):
    first = await ready()
    second = start()
    assert second.process.wait(20) == 1
    assert f"already running in {settings.home} (pid {first.process.pid})" in second.said()
    with pytest.raises(AlreadyRunning):
        data.forget(settings)
    assert first.process.poll() is None


async def test_two_homes_run_side_by_side_and_keep_their_ports(settings, ready, tmp_path):
    first = await ready()
    await ready(PULSE_HOME=str(tmp_path / "other"))
    before = {row.role: row.address for row in status.report(settings)}
    first.end()
    await ready()
    assert {row.role: row.address for row in status.report(settings)} == before


async def test_a_killed_postgres_comes_back_with_its_data(settings, ready):
    run = await ready()
    with database(settings) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    (pid,) = (row.pid for row in status.report(settings) if row.role == "postgres")
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: "postgres is ready again" in run.said())
    with database(settings) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


async def test_postgres_is_durable_and_keeps_rows_out_of_its_log(settings, ready):
    await ready()
    with database(settings) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert connection.execute("SHOW server_version_num").fetchone()[0].startswith("18")
        connection.execute("CREATE TABLE canary (code text UNIQUE)")
        connection.execute("INSERT INTO canary VALUES (%s)", ["canary-493817"])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO canary VALUES ('canary-493817')")
    assert "canary-493817" not in Home.of(settings).log("postgres").read_text()


async def test_valkey_never_evicts_and_has_two_databases(settings, ready):
    await ready()
    (address,) = (row.address for row in status.report(settings) if row.role == "valkey")
    host, port = address.split(":")
    password = Home.of(settings).secret("valkey").encode()
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(b"AUTH " + password + b"\r\nCONFIG GET maxmemory-policy\r\nSELECT 1\r\nSELECT 2\r\n")
        answer = b""
        while b"-ERR" not in answer:
            answer += line.recv(1000)
    assert b"noeviction" in answer
    assert b"+OK" in answer


async def test_nobody_without_the_password_reaches_its_servers(settings, ready):
    """Another user of the machine could else run programs as the owner of PostgreSQL."""
    await ready()
    addresses = {row.role: row.address for row in status.report(settings)}
    for stranger in ("pulse", "pulse:guess", "postgres"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{stranger}@{addresses['postgres']}/pulse")
    host, port = addresses["valkey"].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(b"FLUSHALL\r\n")
        assert line.recv(100).startswith(b"-NOAUTH")


async def test_a_home_of_before_passwords_gets_them(settings, ready, start):
    """And one whose secret was lost gets another: the data stays."""
    run = await ready()
    with database(settings) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    run.end()
    data = Home.of(settings).data
    (data / "postgres" / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
    (data / "postgres" / "pulse-password").unlink()
    (data / "postgres.secret").unlink()
    await ready()
    with database(settings) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    (address,) = (row.address for row in status.report(settings) if row.role == "postgres")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"postgresql://pulse@{address}/pulse")


async def test_a_port_that_was_asked_for_and_is_taken_stops_the_start(settings, start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = start(PULSE_HTTP_PORT=str(taken.getsockname()[1]))
        assert run.process.wait(20) == 2
    assert "is taken, and PULSE_HTTP_PORT asks for it" in run.said()


async def test_a_stop_while_starting_stops_at_once(settings, start):
    run = start()
    await eventually(lambda: "Starting Pulse" in run.said())
    assert run.end(signal.SIGINT) == 0
    assert list(Home.of(settings).run.iterdir()) == []


async def test_the_first_command_and_the_missing_credential_are_shown(ready):
    run = await ready()
    await eventually(lambda: "curl" in run.said())
    assert re.search(r"curl -X POST http://localhost:\d+/api/notifications/send/ -H ", run.said())
    assert "no credential is needed" in run.said()


async def test_a_reader_that_goes_away_disturbs_nothing(settings, environment):
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), env=environment, stdout=writing, stderr=writing
    )
    os.close(writing)
    assert b"Starting" in os.read(reading, 100)
    os.close(reading)
    await eventually(lambda: sum(row.state is State.READY for row in status.report(settings)) == 3)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert list(Home.of(settings).run.iterdir()) == []


async def test_data_is_forgotten_on_request_only(settings, ready):
    run = await ready()
    run.end()
    assert (Home.of(settings).data / "postgres" / "PG_VERSION").exists()
    data.forget(settings)
    assert not Home.of(settings).data.exists()


@pytest.fixture
def orphan(plan) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like a role of this home whose supervisor is gone."""
    environment = {**os.environ, "PULSE_HOME": str(plan.home.path), MARK: "gateway"}
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], env=environment) as process:
        yield process
        process.kill()


async def test_what_an_earlier_run_left_behind_is_ended(plan, orphan):
    await eventually(lambda: f"{MARK}=gateway" in Path(f"/proc/{orphan.pid}/environ").read_text())
    plan.home.pid_file("gateway").write_text(str(orphan.pid))
    assert leftovers.end(plan.home) == 1
    assert orphan.wait(5) == -signal.SIGKILL
    assert not plan.home.pid_file("gateway").exists()
