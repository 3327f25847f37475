"""Keys and limits of before are counted for their feeds, whoever owns the tables, and once."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from services.ledger import migrate as migrating
from tests.ledger.conftest import NOON
from tests.ledger.test_migrations import _to

TABLES = ("api_keys", "limits")
#: Rows of each of them, by tenant; limits of all tenants have none.
ROWS = {"acme": 3, "other": 2, "": 1}
#: Databases that had passed 0009 before there was a 0009a have nothing of it until 0013.
UNDONE = """
DROP FUNCTION pulse_count_change CASCADE;
ALTER TABLE api_keys DROP COLUMN revision;
ALTER TABLE limits DROP COLUMN revision, DROP COLUMN deleted_at;
"""

Connection = psycopg.Connection[Any]


def fill(connection: Connection) -> None:
    for tenant, count in ROWS.items():
        for number in range(count):
            connection.execute(
                "INSERT INTO api_keys (tenant_id, key_id, name, scopes, digest, created_at) "
                "VALUES (%s, %s, 'k', '{send}', '\\x00', %s)",
                [tenant, f"{tenant}-{number}", NOON],
            )
            connection.execute(
                "INSERT INTO limits (tenant_id, limit_id, kind, subject, amount, window_seconds, actor, updated_at) "
                "VALUES (%s, %s, 'ADDRESS', '', 1, 60, '', %s)",
                [tenant, str(number), NOON],
            )


@contextlib.contextmanager
def owner(connection: Connection, inherits: bool) -> Iterator[str]:
    """A login for which row-level security holds, and that owns the two tables; its name."""
    login = f"owner_{uuid.uuid4().hex}"
    connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{connection.info.password}'")
    connection.execute(f"GRANT pulse_app, pulse_platform TO {login} WITH INHERIT {inherits}")
    connection.execute(f"GRANT CREATE ON SCHEMA public TO {login}")
    for table in ("alembic_version", *TABLES):
        connection.execute(f"ALTER TABLE {table} OWNER TO {login}")
    try:
        yield login
    finally:
        connection.execute(f"REASSIGN OWNED BY {login} TO CURRENT_USER; DROP OWNED BY {login}; DROP ROLE {login}")


@pytest.mark.parametrize("inherits", [True, False])
@pytest.mark.parametrize(("before", "after"), [("0009", "0009a"), ("0012", "0013")])
def test_every_tenants_rows_get_revisions_of_their_own(database_url: str, before: str, after: str, inherits: bool):
    _to(database_url, before)
    url = make_url(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        if before > "0009":
            connection.execute(UNDONE)
        fill(connection)
        with owner(connection, inherits) as login:
            as_owner = url.set(username=login).render_as_string(hide_password=False)
            migrating._upgrade(migrating._engine(as_owner), after)
        for table in TABLES:
            found = connection.execute(f"SELECT revision FROM {table} ORDER BY revision").fetchall()
            assert [row[0] for row in found] == [*range(1, sum(ROWS.values()) + 1)]
        assert connection.execute("SELECT revision FROM revisions").fetchall() == [(sum(ROWS.values()),)] * 2
        assert [valid for _, valid in indexes(connection).values()] == [True, True]


def indexes(connection: Connection) -> dict[str, tuple[int, bool]]:
    """Which index each table has for its feed, and whether it is whole."""
    found = connection.execute(
        "SELECT indrelid::regclass::text, indexrelid::bigint, indisvalid FROM pg_index "
        "WHERE indexrelid::regclass::text ~ '_revision_idx$'"
    )
    return {table: (index, valid) for table, index, valid in found}


def break_off(connection: Connection, table: str) -> None:
    """Leaves the index as a try does that does not come to its end."""
    connection.execute(f"DROP INDEX {table}_revision_idx")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {table}_revision_idx ON {table} ((revision IS NULL))")
    assert indexes(connection)[table][1] is False


def test_what_is_there_and_whole_is_not_made_again(database_url: str):
    _to(database_url, "0012")
    with psycopg.connect(database_url, autocommit=True) as connection:
        fill(connection)
        break_off(connection, "limits")
        indexed, revisions = indexes(connection), told(connection)
        migrating._upgrade(migrating._engine(database_url), "0013")
        after = indexes(connection)
        assert after["api_keys"] == indexed["api_keys"]
        assert after["limits"] != indexed["limits"] and after["limits"][1] is True
        assert told(connection) == revisions


def told(connection: Connection) -> list[tuple[Any, ...]]:
    """At which revisions the rows are, and which is the last."""
    return connection.execute(
        "SELECT tenant_id, key_id, revision FROM api_keys UNION ALL SELECT tenant_id, limit_id, revision FROM limits "
        "UNION ALL SELECT subject, '', revision FROM revisions ORDER BY 1, 2, 3"
    ).fetchall()
