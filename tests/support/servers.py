"""Real PostgreSQL and Valkey for a test session, on free ports, from the wheels `make up` uses.

One server each, for tests without a loop: a whole suite is started by :mod:`proof.suite`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from proof.waiting import accepts, wait_until
from services.local import postgres, valkey
from services.local.plan import Plan
from services.local.unit import LAUNCHER


@contextlib.contextmanager
def running(command: list[str], log: Path, ready: Callable[[], bool], stop_with: signal.Signals) -> Iterator[int]:
    """Runs a server until the block ends; gives its pid. The kernel ends it if this process dies."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", LAUNCHER, str(int(stop_with)), str(os.getpid()), *command],
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: process.poll() is not None or ready())
        assert process.poll() is None, log.read_text()
        yield process.pid
    finally:
        process.send_signal(stop_with)
        process.wait(20)


@contextlib.contextmanager
def postgres_server(plan: Plan, **settings: str) -> Iterator[str]:
    """A PostgreSQL server, with ``settings`` beside a laptop's; gives the URL of its maintenance database."""
    postgres.prepare(plan)
    probe = list(postgres.is_ready_command(plan))
    command = [*postgres.command(plan), *(f"--{name}={value}" for name, value in settings.items())]
    with running(command, plan.home.log("postgres"), lambda: subprocess.call(probe) == 0, signal.SIGINT):
        yield plan.database_url()


@contextlib.contextmanager
def valkey_server(plan: Plan) -> Iterator[str]:
    """A Valkey server; gives its URL without a database number."""
    valkey.prepare(plan)
    command = list(valkey.command(plan))
    port = plan.ports.valkey
    with running(command, plan.home.log("valkey"), lambda: accepts(port), signal.SIGTERM):
        yield plan.redis_url(0).removesuffix("/0")


@contextlib.contextmanager
def fresh_database(server_url: str, name: str) -> Iterator[str]:
    """An empty database of its own; dropped at the end, whoever is still connected."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield server_url.rpartition("/")[0] + f"/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
