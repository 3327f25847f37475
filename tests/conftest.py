"""Real servers for every test that asks for them, started once a session."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
import redis
from hypothesis import settings

from proof.planning import make_plan
from tests.support import servers

# How long one example takes says more about the machine than about the code.
settings.register_profile("pulse", settings(), deadline=None)
settings.load_profile("pulse")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL server's maintenance database."""
    # A killed server loses nothing by this, only a machine without power; and the disk is what most tests wait for.
    with servers.postgres_server(make_plan(tmp_path_factory.mktemp("postgres")), fsync="off") as url:
        yield url


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Valkey server, without a database number."""
    with servers.valkey_server(make_plan(tmp_path_factory.mktemp("valkey"))) as url:
        yield url


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty database of the test's own."""
    with servers.fresh_database(postgres_server, f"test_{uuid.uuid4().hex}") as url:
        yield url


@pytest.fixture
def valkey_url(valkey_server: str) -> str:
    """Database 0 of an emptied Valkey."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
    return f"{valkey_server}/0"


@pytest.fixture
def broker_url(valkey_server: str, valkey_url: str) -> str:
    """Database 1 of the same Valkey."""
    return f"{valkey_server}/1"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed run: what was promised to be shown was not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
