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


class ClocksDisagree(PulseError):
    """FAILED_PRECONDITION: one of two clocks is wrong, and nobody knows which."""

    def __init__(self, apart: dt.timedelta) -> None:
        super().__init__(
            Code.FAILED_PRECONDITION,
            "CLOCKS_DISAGREE",
            f"the clocks of PostgreSQL and of this process are {abs(apart.total_seconds()):.0f} s apart, so nothing is "
            f"dropped or purged: set right the one that is wrong (up to {TOLERANCE.total_seconds():.0f} s are borne)",
        )


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
    """The earlier of two times; raises :class:`ClocksDisagree` if they are further apart than :data:`TOLERANCE`."""
    other, own = await ask(), clock.now()
    if abs(other - own) > TOLERANCE:
        raise ClocksDisagree(other - own)
    return min(other, own)
