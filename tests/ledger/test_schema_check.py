"""A ledger serves no schema that is older than what its code needs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from services.ledger import migrate as migrating
from services.ledger.config import LedgerSettings
from services.ledger.migrate import migrate
from services.ledger.schema import schema_check
from services.ledger.schema.schema_check import NEEDED, REPETITION, SchemaBehind, until_ready
from shared.config import base_environment
from tests.ledger.conftest import NOON
from tests.ledger.test_migrations import _to, revisions


@pytest.fixture
def unmigrated(database_url: str) -> LedgerSettings:
    """Of a ledger that does not wait long."""
    return LedgerSettings.load({"PULSE_DATABASE_URL": database_url, "PULSE_LEDGER_START_SECONDS": "0.1"})


def test_what_is_needed_is_all_that_is_migrated_before_a_release() -> None:
    assert migrating.target(None, only_before=True) == NEEDED
    assert migrating.target("0012", only_before=True) == REPETITION
    numbers = [one.revision for one in revisions()]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("revision", ["none", "0001", "0008"])
async def test_an_older_schema_is_refused(revision: str, unmigrated: LedgerSettings) -> None:
    if revision != "none":
        _to(unmigrated.database_url.get_secret_value(), revision)
    with pytest.raises(SchemaBehind, match=f"is at revision {revision}, .* needs {NEEDED} or newer: run"):
        await until_ready(unmigrated)


@pytest.mark.parametrize(
    ("revision", "lacking"),
    [
        ("0012", "ALTER TABLE template_versions DROP COLUMN document"),
        ("0013", "ALTER TABLE template_versions DROP COLUMN document"),
        ("0014", "ALTER TABLE template_versions DROP COLUMN document"),
        ("0015", "ALTER TYPE channel RENAME VALUE 'WHATSAPP' TO 'LETTER'"),
    ],
)
async def test_one_that_passed_it_before_it_was_there_is_refused_until_it_is_repeated(
    revision: str, lacking: str, settings: LedgerSettings, database
) -> None:
    url = settings.database_url.get_secret_value()
    database.execute(f"UPDATE alembic_version SET version_num = '{revision}'")
    database.execute(lacking)
    with pytest.raises(SchemaBehind, match=f"is at revision {revision}, .* needs {REPETITION} or newer: run"):
        await until_ready(settings.model_copy(update={"ledger_start_seconds": 0.1}))
    await asyncio.to_thread(migrate, url, NOON, weeks_ahead=1, only_before=True)
    await until_ready(settings)


@pytest.mark.parametrize("revision", [NEEDED, "9999"])
async def test_one_with_all_that_comes_before_the_release_is_served_and_so_is_a_later_releases(
    revision: str, settings: LedgerSettings, database
) -> None:
    database.execute(f"UPDATE alembic_version SET version_num = '{revision}'")
    await until_ready(settings)


async def test_a_migration_that_comes_late_is_waited_for(unmigrated: LedgerSettings, monkeypatch) -> None:
    monkeypatch.setattr(schema_check, "_PAUSE", 0.05)
    waiting = asyncio.create_task(until_ready(unmigrated.model_copy(update={"ledger_start_seconds": 60.0})))
    await asyncio.to_thread(migrate, unmigrated.database_url.get_secret_value(), NOON, weeks_ahead=1, only_before=True)
    await asyncio.wait_for(waiting, timeout=30)


async def test_whoever_may_log_in_may_look(settings: LedgerSettings, database) -> None:
    login = f"ledger_{uuid.uuid4().hex}"
    url = make_url(settings.database_url.get_secret_value())
    database.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{url.password}'")
    url = url.set(username=login).render_as_string(False)
    try:
        assert not (await schema_check.look(url)).needed
        database.execute("REVOKE SELECT ON alembic_version FROM PUBLIC")
        await until_ready(settings.model_copy(update={"database_url": SecretStr(url)}))
    finally:
        database.execute(f"DROP ROLE {login}")


async def test_a_server_that_does_not_answer_is_an_error_of_its_own(unmigrated: LedgerSettings) -> None:
    nowhere = SecretStr("postgresql://pulse@127.0.0.1:1/none")
    with pytest.raises(psycopg.OperationalError):
        await until_ready(unmigrated.model_copy(update={"database_url": nowhere}))


def test_the_process_ends_with_a_sentence(unmigrated: LedgerSettings) -> None:
    environment = {
        **base_environment(),
        "PULSE_DATABASE_URL": unmigrated.database_url.get_secret_value(),
        "PULSE_LISTEN": "127.0.0.1:0",
        "PULSE_METRICS_PORT": "0",
        "PULSE_LEDGER_START_SECONDS": "0.1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "services.ledger"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "run `pulse migrate --before`" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
