"""What happens while PostgreSQL does not."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from pydantic import SecretStr

from proof.planning import make_plan
from proof.waiting import wait_until
from services.ledger.migrate import migrate
from services.ledger.postgres.postgres import _RECONNECT_SECONDS, Connection, Postgres
from services.ledger.server import Ledger
from services.local import postgres
from services.local.plan import Plan
from shared.config import StartError
from shared.errors import Code, PulseError
from shared.rpc.channels import open_channel
from tests.ledger.calls import Calls
from tests.ledger.conftest import NOON
from tests.support import servers
from tests.support.waiting import eventually


def hang_up(database) -> None:
    """Ends every other session of the test's database, as a restart would."""
    database.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()"
    )


async def test_a_lost_connection_is_replaced_unnoticed(calls: Calls, database):
    await asyncio.gather(*(calls.recorded() for _ in range(8)))
    for _ in range(3):
        hang_up(database)
        ref = await calls.recorded()
        assert len(await calls.claim(ref)) == 1
        assert await calls.status(ref) == "SENDING"


async def test_a_database_out_of_reach_is_told_and_found_again(calls: Calls, database, settings):
    url = settings.database_url.get_secret_value()
    name = url.rpartition("/")[2]
    with psycopg.connect(url.rpartition("/")[0] + "/postgres", autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        hang_up(database)
        with pytest.raises(PulseError) as caught:
            await calls.recorded()
        assert (caught.value.code, caught.value.reason) == (Code.UNAVAILABLE, "LEDGER_UNAVAILABLE")
        assert caught.value.retry_after
        other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert await eventually(lambda: succeeds(calls))


async def succeeds(calls: Calls) -> bool:
    try:
        await calls.recorded()
    except PulseError as error:
        assert error.code is Code.UNAVAILABLE
        return False
    return True


async def test_a_ledger_without_its_database_does_not_start(settings):
    nowhere = settings.model_copy(
        update={
            "database_url": type(settings.database_url)("postgresql://127.0.0.1:1/none"),
            "ledger_start_seconds": 0.5,
        }
    )
    ledger = Ledger(nowhere)
    with pytest.raises(StartError, match="PULSE_DATABASE_URL"):
        await ledger.start()
    await ledger.stop()


@contextlib.contextmanager
def read_only(url: str) -> Iterator[None]:
    """The whole server takes no writes, from sessions that are there too."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        try:
            wait_until(lambda: is_read_only(url))
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")
            wait_until(lambda: not is_read_only(url))


def is_read_only(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute("SHOW transaction_read_only").fetchone() == ("on",)


async def test_a_server_that_only_reads_is_told_and_recovers_by_itself(calls: Calls, settings):
    ref = await calls.recorded()
    with read_only(settings.database_url.get_secret_value()):
        for _ in range(3):
            with pytest.raises(PulseError) as caught:
                await calls.recorded()
            assert (caught.value.code, caught.value.reason) == (Code.UNAVAILABLE, "LEDGER_UNAVAILABLE")
            assert caught.value.retry_after
        assert await calls.status(ref) == "QUEUED"
    assert await eventually(lambda: succeeds(calls))


#: Those that the pools hold.
SESSIONS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND application_name ~ '^pulse-ledger-' AND application_name !~ '-presence$'
"""


@pytest.fixture
async def opened(settings) -> AsyncIterator[Postgres]:
    """With one connection for searches."""
    opened = Postgres(settings.model_copy(update={"ledger_search_pool_max": 1}))
    await opened.open()
    yield opened
    await opened.close()


async def session(connection: Connection) -> int:
    return connection.info.backend_pid


async def refused(opened: Postgres) -> None:
    """A write to a server that takes none."""

    async def work(connection: Connection) -> None:
        await connection.execute("CREATE TABLE refused ()")

    with pytest.raises(PulseError) as caught:
        await opened.write(work)
    assert caught.value.code is Code.UNAVAILABLE


async def test_no_session_of_a_server_that_only_reads_is_used_again_whoever_has_it(
    opened: Postgres, database, settings
):
    """They seem to be sound, but another server may take writes by now, and this one would show old rows."""
    taken, let_go = asyncio.Event(), asyncio.Event()

    async def read_long(connection: Connection) -> int:
        taken.set()
        await let_go.wait()
        return connection.info.backend_pid

    busy = asyncio.create_task(opened.read(read_long))
    await taken.wait()
    await asyncio.gather(*(ask(session) for ask in (opened.read, opened.search, opened.follow, opened.maintain)))
    before = {pid for (pid,) in database.rows(SESSIONS)}
    assert len(before) >= len(opened._pools)
    with read_only(settings.database_url.get_secret_value()):
        await refused(opened)
        for ask in (opened.read, opened.search, opened.follow, opened.maintain):
            assert await ask(session) not in before
    let_go.set()
    assert await busy in before, "what is under way ends undisturbed"
    assert await eventually(lambda: before.isdisjoint(pid for (pid,) in database.rows(SESSIONS)))
    assert await opened.write(session) not in before


async def test_however_many_writes_are_refused_sessions_begin_anew_now_and_then_alone(opened: Postgres, settings):
    begun = opened._searches.get_stats()["connections_num"]
    with read_only(settings.database_url.get_secret_value()):
        since = time.monotonic()
        for _ in range(20):
            await refused(opened)
            await opened.search(session)
        most = 1 + (time.monotonic() - since) // _RECONNECT_SECONDS
    assert 1 <= opened._searches.get_stats()["connections_num"] - begun <= most


@pytest.fixture
def standby_plan(tmp_path) -> Plan:
    """A server of its own, which may become a standby."""
    return make_plan(tmp_path)


async def test_a_server_that_was_demoted_is_told_and_found_again_when_it_is_promoted(standby_plan, settings, clock):
    with servers.postgres_server(standby_plan, wal_level="replica") as url:
        migrate(url, NOON, weeks_ahead=1)
        ledger = Ledger(settings.model_copy(update={"database_url": SecretStr(url)}), clock)
        await ledger.start()
    async with open_channel(f"127.0.0.1:{ledger.port}") as channel:
        calls = Calls(channel, clock)
        (postgres.folder(standby_plan) / "standby.signal").touch()
        with servers.postgres_server(standby_plan, wal_level="replica") as url:
            assert is_read_only(url)
            with pytest.raises(PulseError) as caught:
                await calls.recorded()
            assert (caught.value.code, bool(caught.value.retry_after)) == (Code.UNAVAILABLE, True)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("SELECT pg_promote()")
            assert await eventually(lambda: succeeds(calls))
            await ledger.stop()


#: What PostgreSQL says, and whether the connection on which it does is used again.
FAILURES = {
    "08000": False, "08003": False, "08006": False, "25006": False, "25P02": False, "25P03": False, "25P04": False,
    "26000": False, "40001": True, "40P01": True, "53000": False, "53100": False, "53200": False, "53300": False,
    "55000": False, "55P03": True, "57014": True, "57P01": False, "57P02": False, "57P03": False, "57P04": False,
    "57P05": False, "58000": False, "58030": False, "XX000": False, "XX001": False, "XX002": False,
}  # fmt: skip


@pytest.mark.parametrize("pipelined", [False, True])
@pytest.mark.parametrize("state", FAILURES)
async def test_whatever_is_wrong_with_the_server_is_unavailable_and_passes(state: str, pipelined: bool, settings):
    alone = Postgres(settings.model_copy(update={"ledger_pool_min": 1, "ledger_pool_max": 1}))
    await alone.open()
    broken = f"DO $$ BEGIN RAISE EXCEPTION 'out of order' USING ERRCODE = '{state}'; END $$"

    async def fail(connection: Connection) -> None:
        await (await connection.execute(broken)).fetchone()

    async def pid(connection: Connection) -> int:
        return connection.info.backend_pid

    try:
        before = await alone.write(pid)
        if state != "26000":
            with pytest.raises(PulseError) as caught:
                await alone.write(fail, pipelined=pipelined)
            assert (caught.value.code, bool(caught.value.retry_after)) == (Code.UNAVAILABLE, True)
            assert "out of order" not in str(caught.value)
        else:
            with pytest.raises(psycopg.errors.InvalidSqlStatementName):
                await alone.write(fail, pipelined=pipelined)
        after = await alone.write(pid)
        assert (before == after) is (FAILURES[state] and not pipelined)
    finally:
        await alone.close()


@pytest.mark.parametrize("state", ["25006", "25P02", "25P03", "26000", "0A000", "57P01", "40P01", "XX000"])
async def test_what_was_wrong_once_is_not_noticed(state: str, settings):
    opened = Postgres(settings)
    await opened.open()
    seen: list[int] = []

    async def fail_once(connection: Connection) -> str:
        seen.append(connection.info.backend_pid)
        if len(seen) == 1:
            await connection.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$")
        return "done"

    try:
        assert await opened.write(fail_once) == "done"
        assert state == "40P01" or seen[0] != seen[1]
    finally:
        await opened.close()


async def test_a_transaction_that_idled_too_long_is_done_again(settings, database):
    """PostgreSQL ends its session, and says why only when the session is used again."""
    opened = Postgres(settings.model_copy(update={"ledger_statement_seconds": 0.1}))
    await opened.open()
    seen: list[int] = []

    async def idle_once(connection: Connection) -> str:
        seen.append(connection.info.backend_pid)
        async with connection.transaction():
            await connection.execute("SELECT 1")
            if len(seen) == 1:
                gone = "SELECT FROM pg_stat_activity WHERE pid = %s"
                assert await eventually(lambda: not database.rows(gone, seen[0]))
            await connection.execute("SELECT 1")
        return "done"

    try:
        assert await opened.write(idle_once) == "done"
        assert len(set(seen)) == 2
    finally:
        await opened.close()
