"""Migrations: before or after a release, while everybody works, and with whom the code can share a schema."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from alembic.script import Script, ScriptDirectory
from psycopg import errors

from services.ledger import migrate as migrating
from services.ledger.migrate import migrate, printed
from shared.clock import FixedClock
from shared.ids import uuid7
from tests.ledger.calls import Calls, Outcome
from tests.ledger.conftest import NOON

#: Rules of squawk that are not kept, and why.
EXCEPTIONS = {
    "prefer-robust-stmts": "a revision is one transaction; where it is several, services.ledger.migrations.online "
    "makes each step repeatable",
    "require-lock-timeout": "services.ledger.migrate sets it for its connection",
    "require-statement-timeout": "making an index takes as long as it takes, and holds nobody up",
    "require-concurrent-index-deletion": "PostgreSQL drops the index of a partitioned table in one go only; "
    "services.ledger.migrate bounds the wait for its lock",
    "prefer-bigint-over-int": "attempts, versions and sequence numbers of one notification stay small",
}
#: An index is made on the empty parent, and then for each partition concurrently; what the rule asks for, PostgreSQL
#: refuses for a partitioned table.
ONLY_THE_PARENT = re.compile(r"CREATE INDEX IF NOT EXISTS \w+ ON ONLY (notifications|deliveries|events)\b")


def revisions() -> list[Script]:
    """The oldest first."""
    return list(ScriptDirectory.from_config(migrating._config()).walk_revisions())[::-1]


def test_every_revision_says_whether_the_release_before_can_live_with_it():
    assert {one.module.release for one in revisions()} == {"before", "after"}
    # What the release before cannot live with comes last, or it would hold up what it can: but for what only repeats
    # something that stands before it.
    releases = [one.module.release for one in revisions() if not one.path.endswith("_again.py")]
    assert releases == sorted(releases, reverse=True)


def test_an_addition_that_came_later_is_made_before_the_release_wherever_the_database_is(database_url: str):
    assert [migrating.target(at, only_before=True) for at in (None, "0009", "0009m", "0009n")] == ["0009n"] * 4
    # Something that waits stands between.
    assert [migrating.target(at, only_before=True) for at in ("0010", "0011")] == ["0010", "0011"]
    assert [migrating.target(at, only_before=True) for at in ("0012", "0013", NEWEST)] == [NEWEST] * 3


NEWEST = revisions()[-1].revision


def squawk() -> str:
    """The linter, beside the interpreter or on the path."""
    found = shutil.which("squawk", path=str(Path(sys.executable).parent)) or shutil.which("squawk")
    if found is None:
        pytest.skip("squawk is not installed")
    return found


def test_no_revision_after_the_first_holds_up_those_who_work(tmp_path: Path):
    """The first makes its tables: nobody works on them yet."""
    sql = printed()
    later = sql[sql.index("-- Running upgrade 0001 -> 0002") :]
    assert ONLY_THE_PARENT.search(later)
    file = tmp_path / "later.sql"
    file.write_text("BEGIN;\n" + ONLY_THE_PARENT.sub("-- ", later))
    exclude = [f"--exclude={rule}" for rule in EXCEPTIONS]
    done = subprocess.run(
        [squawk(), "--pg-version=16", *exclude, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_would_notice(tmp_path: Path):
    file = tmp_path / "bad.sql"
    file.write_text(
        "ALTER TABLE deliveries ADD COLUMN died_at timestamptz NOT NULL;\nCREATE INDEX i ON deliveries (fence);"
    )
    exclude = [f"--exclude={rule}" for rule in EXCEPTIONS]
    done = subprocess.run(
        [squawk(), "--pg-version=16", *exclude, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "adding-required-field" in done.stdout + done.stderr
    assert "require-concurrent-index-creation" in done.stdout + done.stderr


def test_what_is_printed_is_what_is_done(database_url: str, migrated_url: str):
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in printed().split(";\n"):
            if statement.strip():
                connection.execute(statement)
    assert described(database_url) == described(migrated_url)


def described(url: str) -> list[tuple]:
    """Every column and every index that holds, weeks left out."""
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name !~ '_[0-9]{4}w[0-9]{2}$' ORDER BY 1, 2"
        ).fetchall()
        indexes = connection.execute(
            "SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid FROM pg_index"
            " WHERE indrelid::regclass::text ~ '^(deliveries|events|notifications)(_default)?$' ORDER BY 1, 2"
        ).fetchall()
    assert all(valid for _, _, valid in indexes)
    return columns + indexes


def test_before_the_release_only_what_the_one_before_can_live_with_is_done(database_url: str):
    migrate(database_url, NOON, 1, only_before=True)
    assert version(database_url) == "0009n"
    migrate(database_url, NOON, 1)
    assert version(database_url) == NEWEST
    migrate(database_url, NOON, 1, only_before=True)
    assert version(database_url) == NEWEST


def version(url: str) -> str:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]


OLD_DELIVERY = """
INSERT INTO deliveries (tenant_id, notification_id, status, channel, lane, guarantee, route, max_attempts, ready_at,
    fence, attempt, attempt_limit, route_index, provider, provider_message_id, failure_code, failure_message,
    updated_at, revision)
VALUES ('acme', %s, %s, 'SMS', 'HIGH', 'AT_LEAST_ONCE', '{twilio}', 3, %s, 1, 1, 3, 0, 'twilio', '', '', '', %s, 3)
"""


def test_the_release_before_writes_on_and_what_it_wrote_is_put_right_after(database_url: str):
    """Deaths that the release before wrote down without a time get that of their last change."""
    _to(database_url, "0002")
    dead, risen = uuid7(NOON), uuid7(NOON)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(OLD_DELIVERY, (dead, "FAILED", NOON, NOON))
        connection.execute(OLD_DELIVERY, (risen, "QUEUED", NOON, NOON))
        connection.execute("UPDATE deliveries SET died_at = %s WHERE notification_id = %s", (NOON, risen))
    migrate(database_url, NOON, 1)
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT notification_id::text, died_at FROM deliveries").fetchall()
    assert dict(found) == {dead: NOON, risen: None}


def test_every_week_gets_the_index_though_it_was_there_before(database_url: str):
    _to(database_url, "0001")
    migrate(database_url, NOON, 1)
    with psycopg.connect(database_url) as connection:
        weeks = connection.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'deliveries'::regclass")
        indexes = connection.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'deliveries_dead_idx'::regclass"
        )
        assert weeks.fetchone() == indexes.fetchone() == (3,)
        assert connection.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'deliveries_dead_idx'::regclass"
        ).fetchone() == (True,)


def test_an_index_that_was_broken_off_is_made_anew(database_url: str):
    _to(database_url, "0001")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE INDEX deliveries_default_dead_idx ON deliveries_default (tenant_id)")
    migrate(database_url, NOON, 1)
    assert version(database_url) == NEWEST


def _to(url: str, revision: str) -> None:
    engine = migrating._engine(url)
    migrating._upgrade(engine, revision)
    migrating._make_partitions(engine, NOON, 1)


def test_a_table_in_use_is_waited_for_briefly_and_again(database_url: str, monkeypatch):
    _to(database_url, "0001")
    monkeypatch.setattr(migrating, "_LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrating, "_PAUSE_SECONDS", 0.05)
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT FROM deliveries")
        with pytest.raises(migrating.sa.exc.OperationalError) as caught:
            migrate(database_url, NOON, 1)
        assert isinstance(caught.value.orig, errors.LockNotAvailable)
        # Whoever works is not shut out meanwhile.
        reader.execute("SELECT FROM deliveries")
    migrate(database_url, NOON, 1)
    assert version(database_url) == NEWEST


#: What a later release may do before the code that knows of it runs: things are only added.
ADDITIONS = (
    "ALTER TABLE {0} ADD COLUMN later_text text",
    "ALTER TABLE {0} ADD COLUMN later_number integer DEFAULT 7",
    "CREATE INDEX {0}_later_idx ON {0} (tenant_id, later_number)",
)
ENUMS = ("status", "channel", "lane", "guarantee", "event_kind", "outcome")


async def test_this_code_works_on_a_schema_to_which_things_were_added(calls: Calls, database, clock: FixedClock):
    """So the next release may add columns, indexes and enum values while this one runs.

    It shows that no statement relies on the columns there are, or on their order. What it cannot show is that the next
    release's code writes nothing that this one misunderstands: its own migrations must say "after" for that.
    """
    for table in ("notifications", "deliveries", "events", "idempotency_keys", "templates", "template_versions"):
        for addition in ADDITIONS:
            database.execute(addition.format(table))
    for enum in ENUMS:
        database.execute(f"ALTER TYPE {enum} ADD VALUE 'LATER' BEFORE '{first_of(database, enum)}'")
    ref = await calls.recorded(key="key-1", max_attempts=2)
    for outcome in (Outcome.TRANSIENT_FAILURE, Outcome.PERMANENT_FAILURE):
        assert [one.notification_id for one in (await calls.draw()).refs] == [ref.notification_id]
        (claimed,) = await calls.claim(ref)
        await calls.end(claimed, outcome, code="BUSY")
        clock.advance(600)
    assert len((await calls.dead_letters(failure_code="BUSY")).dead_letters) == 1
    assert (await calls.replay_many()).replayed == 1
    assert (await calls.cancel(ref)).attempt_count == 2
    (replayed,) = await calls.record(calls.entry("key-1"))
    assert replayed.replayed
    assert await calls.ids(user_id="user-1") == [ref.notification_id]
    assert len(await calls.timeline(ref)) == 7


def first_of(database, enum: str) -> str:
    return database.rows("SELECT enum_range(NULL::" + enum + ")::text[]")[0][0][0]


async def test_the_printed_sql_needs_no_database(capsys):
    assert migrating.main(["--sql", "--before"]) == 0
    out = capsys.readouterr().out
    assert "deliveries_dead_idx" in out
    assert "0010" not in out


def test_weeks_are_made_with_the_schema(database_url: str):
    migrate(database_url, NOON + dt.timedelta(weeks=5), 0)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('events_2026w53') IS NOT NULL").fetchone() == (True,)
