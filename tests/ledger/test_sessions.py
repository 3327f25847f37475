"""Sessions with PostgreSQL begin as Pulse wants them to, whatever is set elsewhere; one that does not is not used."""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from services.ledger import maintain, migrate
from services.ledger.config import LedgerSettings
from services.ledger.first_key import create
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.postgres.sessions import Start, WrongSession
from services.ledger.server import Ledger
from shared.clock import FixedClock
from shared.config import StartError, base_environment
from shared.rpc.channels import open_channel
from tests.ledger.calls import Calls, Outcome
from tests.ledger.conftest import NOON
from tests.support.postgres_proxy import dropping_options

#: What a server, a database or a login may have set, each of which would change what a statement does.
ODD = {
    "datestyle": "'German, DMY'",
    "intervalstyle": "sql_standard",
    "timezone": "'Asia/Kathmandu'",
    "search_path": "nowhere",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "exit_on_error": "on",
    "statement_timeout": "1",
    "lock_timeout": "1",
    "transaction_timeout": "'500ms'",
    "idle_in_transaction_session_timeout": "1",
    "idle_session_timeout": "1",
    "synchronous_commit": "off",
    "lc_messages": "'C'",
    "jit": "on",
}


async def everyday(calls: Calls) -> str:
    """What happens to every notification; gives where it stands in the end."""
    ref = await calls.recorded(key="k", context_json='{"name": "Zoë Ω"}', not_before=NOON)
    (claimed,) = await calls.claim(ref)
    assert claimed.asked.context_json == '{"name": "Zoë Ω"}'
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="x")
    return str(await calls.status(ref))


@pytest.mark.parametrize("scope", ["DATABASE", "ROLE"])
async def test_what_is_set_for_a_database_or_a_login_does_not_matter(
    scope: str, settings: LedgerSettings, clock: FixedClock, database: Any
) -> None:
    url = make_url(settings.database_url.get_secret_value())
    login = f"login_{uuid.uuid4().hex}"
    database.execute(f"CREATE ROLE {login} LOGIN SUPERUSER PASSWORD '{url.password}'")
    for name, value in ODD.items():
        database.execute(f'ALTER {scope} "{url.database if scope == "DATABASE" else login}" SET {name} = {value}')
    odd = SecretStr(url.set(username=login).render_as_string(hide_password=False))
    migrate.migrate(odd.get_secret_value(), NOON, 6)
    ledger = Ledger(settings.model_copy(update={"database_url": odd}), clock)
    await ledger.start()
    try:
        async with open_channel(f"127.0.0.1:{ledger.port}") as channel:
            assert await everyday(Calls(channel, clock)) == "SENT"
    finally:
        await ledger.stop()
        database.execute(f"DROP OWNED BY {login}")
        database.execute(f"DROP ROLE {login}")


async def test_what_was_committed_is_kept_though_the_database_would_not_wait(
    settings: LedgerSettings, database: Any
) -> None:
    """But who asks for more than that keeps it."""
    name = make_url(settings.database_url.get_secret_value()).database
    for asked, got in {"off": "on", "remote_apply": "remote_apply", "on": "on"}.items():
        database.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = {asked}')
        assert await shown(settings, "synchronous_commit") == got


async def shown(settings: LedgerSettings, name: str) -> str:
    async def work(connection: Connection) -> str:
        return str((await (await connection.execute(f"SHOW {name}")).fetchone() or ("",))[0])

    postgres = Postgres(settings)
    await postgres.open()
    try:
        return await postgres.write(work)
    finally:
        await postgres.close()


async def test_no_ledger_serves_behind_a_proxy_that_drops_options(settings: LedgerSettings, clock: FixedClock) -> None:
    async with dropping_options(settings.database_url.get_secret_value()) as url:
        behind = settings.model_copy(update={"database_url": SecretStr(url)})
        ledger = Ledger(behind, clock)
        with pytest.raises(StartError, match=r"role, .*search_path.*a proxy between them drops startup options"):
            await ledger.start()
        await ledger.stop()
        assert await maintain.maintain(behind, clock) == 2
        with pytest.raises(StartError, match="a proxy between them"):
            await create(behind, "default", "first", ["send"])
        with pytest.raises(WrongSession):
            await asyncio.to_thread(migrate.migrate, url, NOON, 1)


async def test_its_process_ends_with_one_sentence(settings: LedgerSettings) -> None:
    async with dropping_options(settings.database_url.get_secret_value()) as url:
        environment = {
            **base_environment(),
            "PULSE_DATABASE_URL": url,
            "PULSE_LISTEN": "127.0.0.1:0",
            "PULSE_METRICS_PORT": "0",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.ledger", env=environment, stderr=asyncio.subprocess.PIPE
        )
        _, output = await process.communicate()
    assert process.returncode == 2
    assert b"drops startup options, so name PostgreSQL itself in PULSE_DATABASE_URL" in output.splitlines()[-1]
    assert b"Traceback" not in output


@pytest.mark.parametrize(
    ("change", "back", "fault"),
    [
        ("ALTER ROLE pulse_app SUPERUSER", "ALTER ROLE pulse_app NOSUPERUSER", "passes by row-level security"),
        ("ALTER ROLE pulse_app BYPASSRLS", "ALTER ROLE pulse_app NOBYPASSRLS", "passes by row-level security"),
        ("ALTER ROLE pulse_platform BYPASSRLS", "ALTER ROLE pulse_platform NOBYPASSRLS", "pulse_platform passes by"),
        ("CREATE TABLE own (); ALTER TABLE own OWNER TO pulse_app", "DROP TABLE own", "owns tables"),
        ("GRANT pulse_platform TO pulse_app", "REVOKE pulse_platform FROM pulse_app", "may work as pulse_platform"),
    ],
)
async def test_a_role_that_does_not_keep_tenants_apart_is_not_used(
    change: str, back: str, fault: str, settings: LedgerSettings, database: Any
) -> None:
    postgres = Postgres(settings)
    database.execute(change)
    try:
        with pytest.raises(WrongSession, match=fault):
            await postgres.open()
    finally:
        database.execute(back)
        await postgres.close()


async def test_each_new_connection_is_looked_at(settings: LedgerSettings, calls: Calls, database: Any) -> None:
    """Not only those at start: what has changed since is seen by the next one."""
    database.execute("ALTER ROLE pulse_app BYPASSRLS")
    try:
        database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
        with pytest.raises(Exception, match="LEDGER_UNAVAILABLE"):
            await calls.recorded()
    finally:
        database.execute("ALTER ROLE pulse_app NOBYPASSRLS")
    assert await everyday(calls) == "SENT"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://one/pulse", None),
        ("postgresql://one,two/pulse", "read-write"),
        ("postgresql://pulse@/pulse?host=one,two&port=1,2", "read-write"),
        ("postgresql://one,two/pulse?target_session_attrs=primary", None),
    ],
)
def test_of_several_servers_the_one_that_takes_writes_is_wanted(url: str, wanted: str | None) -> None:
    assert Start("x").arguments(url).get("target_session_attrs") == wanted


def test_a_value_with_blanks_is_one_word(migrated_url: str) -> None:
    start = Start("x", more={"application_name": r"a \ b"})
    arguments = start.arguments(migrated_url) | {"application_name": None}
    with psycopg.connect(migrated_url, **arguments) as connection:
        assert connection.execute("SHOW application_name").fetchone() == (r"a \ b",)
        start.check_blocking(connection)
