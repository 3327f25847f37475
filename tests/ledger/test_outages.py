"""What happens while PostgreSQL does not."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from services.ledger.server import Ledger
from shared.errors import Code, PulseError
from tests.ledger.calls import Calls
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
    with pytest.raises(psycopg.OperationalError):
        await ledger.start()
    await ledger.stop()
