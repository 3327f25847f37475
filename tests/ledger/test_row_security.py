"""PostgreSQL itself hides the rows of other tenants: whatever a statement says, and whatever it forgets."""

from __future__ import annotations

import ast
import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from google.protobuf import message_factory
from pydantic import SecretStr
from sqlalchemy import make_url

from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2, ledger_service_pb2
from services.ledger.config import LedgerSettings
from services.ledger.move import content
from services.ledger.move import sql as move_sql
from services.ledger.postgres import sql, tables, tenancy
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.postgres.tenancy import Platform
from services.ledger.rpc import tenant_scope
from services.ledger.schema.maintenance import Maintenance
from shared.clock import FixedClock
from tests.ledger.calls import Calls

LEDGER = Path(tenancy.__file__).parents[1]
#: Who may work for all tenants: each for a reason that it states.
PLATFORM_MODULES = {"agreed_time", "first_key", "metrics", "receipt_delays"}
ROLES = ("pulse_app", "pulse_platform")
TENANTS_TABLES = sorted(table.name for table in tables.metadata.tables.values() if "tenant_id" in table.c)
METHODS = [
    method
    for module in (ledger_service_pb2, ledger_reader_pb2, ledger_admin_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
    # A conversation names tenants as it goes on (test_following).
    if not method.client_streaming
]


@pytest.fixture
async def postgres(settings: LedgerSettings) -> AsyncIterator[Postgres]:
    opened = Postgres(settings)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def recorded(calls: Calls) -> None:
    """One notification of acme, one of other."""
    for tenant in ("acme", "other"):
        await calls.recorded(tenant_id=tenant, key="one")


async def seen(postgres: Postgres, statement: str = "SELECT tenant_id FROM deliveries") -> list[str]:
    """The tenants in the rows of a statement that names none."""

    async def work(connection: Connection) -> list[str]:
        return sorted(row[0] for row in await (await connection.execute(statement)).fetchall())

    found = [await postgres.read(work), await postgres.write(work), await postgres.write(work, pipelined=True)]
    assert found[0] == found[1] == found[2]
    return found[0]


@pytest.mark.parametrize("table", ["notifications", "deliveries", "events", "idempotency_keys", "attempts"])
async def test_who_says_for_whom_he_works_sees_their_rows_alone(
    table: str, postgres: Postgres, calls: Calls, recorded: None
) -> None:
    for tenant in ("acme", "other"):
        (entry,) = [await calls.recorded(tenant_id=tenant)]
        await calls.claim(entry)
    statement = f"SELECT DISTINCT tenant_id FROM {table}"
    assert await seen(postgres, statement) == []
    with tenancy.tenants(["acme"]):
        assert await seen(postgres, statement) == ["acme"]
    with tenancy.tenants(["acme", "other", "nobody", "a\0b", 'quo"te']):
        assert await seen(postgres, statement) == ["acme", "other"]
    with tenancy.platform():
        assert await seen(postgres, statement) == ["acme", "other"]
    assert await seen(postgres, statement) == []


async def test_one_who_works_for_a_tenant_changes_nothing_of_anothers(
    postgres: Postgres, recorded: None, database: Any
) -> None:
    async def work(connection: Connection) -> int:
        return (await connection.execute("UPDATE deliveries SET failure_code = 'X'")).rowcount

    async def intrude(connection: Connection) -> None:
        await connection.execute(
            "INSERT INTO templates (tenant_id, name, version, created_at) VALUES ('other', 'x', 1, now())"
        )

    with tenancy.tenants(["acme"]):
        assert await postgres.write(work) == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await postgres.write(intrude)
    assert database.rows("SELECT tenant_id FROM deliveries WHERE failure_code = 'X'") == [("acme",)]


async def test_what_was_said_for_one_is_not_said_for_the_next(settings: LedgerSettings, recorded: None) -> None:
    """Connections are used again, after work that failed too."""
    alone = Postgres(settings.model_copy(update={"ledger_pool_min": 1, "ledger_pool_max": 1}))
    await alone.open()

    async def fail(connection: Connection) -> None:
        await connection.execute("SELECT 1 / 0")

    try:
        for pipelined in (False, True):
            with tenancy.tenants(["acme"]):
                with pytest.raises(Exception, match="VALUE_REFUSED"):
                    await alone.write(fail, pipelined=pipelined)
            assert await seen(alone) == []
            with tenancy.tenants(["other"]):
                assert await seen(alone) == ["other"]
    finally:
        await alone.close()


async def test_a_call_works_for_the_tenants_that_its_request_names(calls: Calls, recorded: None) -> None:
    refs = [await calls.recorded(tenant_id=tenant) for tenant in ("acme", "other")]
    assert len(await calls.claim(*refs)) == 2


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method_works_for_somebody(method: Any) -> None:
    """For the platform, or for whoever its request names: there is no method of which it was forgotten."""
    request = message_factory.GetMessageClass(method.input_type)()
    name_tenant(request)
    scope = tenant_scope.scope(method.name, request)
    assert scope is Platform.ALL if method.name in tenant_scope.PLATFORM else scope == {"acme"}


def name_tenant(request: Any) -> None:
    """Wherever a request may name one."""
    for field in request.DESCRIPTOR.fields:
        if field.name in tenant_scope._HALVES:
            name_tenant(getattr(request, field.name))
        elif field.message_type and field.name in (*tenant_scope._BATCHES, *tenant_scope._PARTS):
            part = getattr(request, field.name)
            one = part.add() if field.name in tenant_scope._BATCHES else part
            (one if "tenant_id" in one.DESCRIPTOR.fields_by_name else one.ref).tenant_id = "acme"
        elif field.name == "tenant_id":
            request.tenant_id = "acme"


@pytest.mark.parametrize("method", ["GetNotification", "ListNotifications", "Claim", "EndKey", "UpdatePreferences"])
def test_a_request_that_names_nobody_is_not_for_all(method: str) -> None:
    (found,) = [one for one in METHODS if one.name == method]
    assert tenant_scope.scope(method, message_factory.GetMessageClass(found.input_type)()) == frozenset()


def test_few_modules_work_for_all_tenants() -> None:
    found = set()
    for file in LEDGER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "tenancy.platform":
                found.add(file.stem)
    assert found == PLATFORM_MODULES


def test_every_table_with_a_tenant_is_guarded(database: Any) -> None:
    guarded = database.rows(
        "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind IN ('r', 'p')"
    )
    assert sorted(row[0] for row in guarded) == TENANTS_TABLES


def test_a_partition_is_reached_through_its_table_alone(database: Any) -> None:
    """Partitions have no policies: so nobody but their owner may touch one."""
    granted = database.rows(
        "SELECT c.relname, r.role FROM pg_class c CROSS JOIN unnest(%s::text[]) AS r(role) "
        "WHERE c.relispartition AND c.relkind = 'r' AND has_table_privilege(r.role, c.oid, 'SELECT')",
        list(ROLES),
    )
    assert granted == []


def test_the_roles_own_nothing_and_pass_by_nothing(database: Any) -> None:
    roles = database.rows(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin FROM pg_roles "
        "WHERE rolname = ANY (%s) ORDER BY 1",
        list(ROLES),
    )
    assert roles == [(role, False, False, False, False, False) for role in ROLES]
    owned = database.rows(
        "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid "
        "WHERE r.rolname = ANY (%s) AND d.deptype = 'o'",
        list(ROLES),
    )
    assert owned == [(0,)]
    assert database.rows("SELECT pg_has_role('pulse_app', 'pulse_platform', 'MEMBER')") == [(False,)]


async def test_a_login_of_its_own_is_enough_for_a_ledger(
    settings: LedgerSettings, clock: FixedClock, recorded: None, database: Any
) -> None:
    """It owns nothing and inherits nothing: without the two roles it may not even look."""
    login = f"ledger_{uuid.uuid4().hex}"
    url = make_url(settings.database_url.get_secret_value())
    database.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{url.password}'")
    database.execute(f"GRANT pulse_app, pulse_platform TO {login} WITH INHERIT FALSE")
    url = url.set(username=login).render_as_string(False)
    postgres = Postgres(settings.model_copy(update={"database_url": SecretStr(url)}))
    await postgres.open()
    try:
        with tenancy.tenants(["acme"]):
            assert await seen(postgres) == ["acme"]
        with tenancy.platform():
            assert await seen(postgres) == ["acme", "other"]
        # Tables are made and dropped by their owner: `python -m services.ledger.maintain`, with the owner's URL.
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await Maintenance(postgres, clock, settings.model_copy(update={"ledger_weeks_ahead": 9})).run()
    finally:
        await postgres.close()
        database.execute(f"DROP OWNED BY {login}")
        database.execute(f"DROP ROLE {login}")


async def test_requests_are_served_as_those_roles(postgres: Postgres) -> None:
    async def who(connection: Connection) -> str:
        return str((await (await connection.execute("SELECT current_user")).fetchone() or ("",))[0])

    assert (await postgres.read(who), await postgres.write(who)) == ("pulse_app", "pulse_app")
    with tenancy.platform():
        assert (await postgres.read(who), await postgres.write(who)) == ("pulse_platform", "pulse_platform")


#: By its own key, or by that of the notification whose digest tells it.
BY_KEY = (
    "Index Cond: ((tenant_id = r.tenant_id) AND (notification_id = r.notification_id))",
    "Index Cond: ((tenant_id = n.tenant_id) AND (collapsed_into = n.notification_id))",
)


@pytest.mark.parametrize(
    ("parent", "statement"),
    [("deliveries", sql.STATUSES), ("deliveries", move_sql.HOLD), ("notifications", content.CONTENT)],
    ids=["STATUSES", "HOLD", "CONTENT"],
)
async def test_rows_are_still_found_by_their_keys(parent: str, statement: str, postgres: Postgres) -> None:
    """The policy is a filter on what the key found; a plan that reads a tenant's rows would grow with them."""

    async def plan(connection: Connection) -> str:
        explained = await connection.execute(f"EXPLAIN (COSTS OFF) {statement}", {"tenants": [], "ids": []})
        return "\n".join(row[0] for row in await explained.fetchall())

    with tenancy.tenants(["acme"]):
        found = await postgres.write(plan)
    assert "Seq Scan" not in found and "Bitmap" not in found
    for line, following in zip(found.splitlines(), found.splitlines()[1:], strict=False):
        if f"on {parent}_" in line:
            assert any(condition in following for condition in BY_KEY), following


class CutShort(Connection):
    """A connection whose next statement is done, and its caller cancelled before it knows."""

    is_cut = False

    async def execute(self, *arguments: Any, **more: Any) -> Any:
        done = await super().execute(*arguments, **more)
        if self.is_cut:
            self.is_cut = False
            raise asyncio.CancelledError
        return done


async def test_a_call_that_is_cancelled_leaves_no_session_working_for_the_wrong_tenants(migrated_url: str) -> None:
    async with await CutShort.connect(migrated_url, autocommit=True) as connection:
        await connection.work_for('{"a": 1}')
        connection.is_cut = True
        with pytest.raises(asyncio.CancelledError):
            await connection.work_for('{"b": 1}')
        await connection.work_for('{"a": 1}')
        told = await (await connection.execute("SELECT current_setting('pulse.tenants')")).fetchone()
        assert told == ('{"a": 1}',)
