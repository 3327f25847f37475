"""The time by which things are done that cannot be undone: two clocks must agree on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable

from services.ledger.postgres import tenancy
from services.ledger.postgres.postgres import Connection, Postgres
from shared.clock import Clock
from shared.errors import Code, PulseError

#: By how much the clocks of PostgreSQL and of this process may differ.
TOLERANCE = dt.timedelta(minutes=1)

#: Asks another clock.
AskTime = Callable[[], Awaitable[dt.datetime]]


def postgres_time(postgres: Postgres) -> AskTime:
    """PostgreSQL's clock."""

    async def work(connection: Connection) -> dt.datetime:
        row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
        assert row is not None  # noqa: S101 -- it always answers with one row
        return row[0]  # type: ignore[no-any-return]

    async def ask() -> dt.datetime:
        with tenancy.platform():
            return await postgres.read(work)

    return ask


async def agreed_time(clock: Clock, ask: AskTime) -> dt.datetime:
    """The earlier of two times; raises FAILED_PRECONDITION if they are further apart than :data:`TOLERANCE`."""
    other, own = await ask(), clock.now()
    if abs(other - own) > TOLERANCE:
        raise _clocks_disagree(other - own)
    return min(other, own)


def _clocks_disagree(apart: dt.timedelta) -> PulseError:
    """One of the two is wrong, and nobody knows which."""
    return PulseError(
        Code.FAILED_PRECONDITION,
        "CLOCKS_DISAGREE",
        f"the clocks of PostgreSQL and of this process are {abs(apart.total_seconds()):.0f} s apart, so nothing is "
        f"dropped or purged: set right the one that is wrong (up to {TOLERANCE.total_seconds():.0f} s are borne)",
    )
