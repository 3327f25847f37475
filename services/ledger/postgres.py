"""The connections to PostgreSQL, and what its errors mean to callers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from psycopg import AsyncConnection, errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from services.ledger.config import LedgerSettings
from shared import deadlines
from shared.errors import Code, PulseError
from shared.logs import logger

log = logger(__name__)

Connection = AsyncConnection[tuple[Any, ...]]
Result = TypeVar("Result")
Work = Callable[[Connection], Awaitable[Result]]

#: A value is to blame, not the database.
_REFUSALS = (errors.DataError, errors.IntegrityError, errors.ProgramLimitExceeded)
#: Two transactions got in each other's way; the same again may well succeed.
_CLASHES = (errors.DeadlockDetected, errors.SerializationFailure)
#: It took longer than it may, or was waiting for a lock; the same again would only take longer.
_TIME_OUTS = (PoolTimeout, errors.QueryCanceled, errors.LockNotAvailable)
_FAILURES = (errors.OperationalError, errors.InterfaceError)

#: Give up a failed connection attempt after this, s: the next caller then tries at once, without a grown back-off.
_RECONNECT_SECONDS = 2.0

#: Writes join a handful of given ids to their rows. Whatever the statistics say about tables that grew in the last
#: minute, that is done by index, and planned once.
_PLANS = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}


class ValueRefused(PulseError):
    """INVALID_ARGUMENT: the database cannot use a value. Its own words are left out, as they repeat the value."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(Code.INVALID_ARGUMENT, "VALUE_REFUSED", "the database refuses a value of the request")
        #: PostgreSQL's error code (https://www.postgresql.org/docs/current/errcodes-appendix.html).
        self.sqlstate = sqlstate


class Postgres:
    """Two pools: writes never wait for a connection that a slow read holds."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._settings = settings
        self._writes = self._pool("writes", settings.ledger_pool_min, settings.ledger_pool_max, _PLANS)
        self._reads = self._pool("reads", 1, settings.ledger_read_pool_max, {})

    async def open(self) -> None:
        """Returns when PostgreSQL answers; raises ``psycopg_pool.PoolTimeout`` if it does not in time."""
        await self._writes.open(wait=True, timeout=self._settings.ledger_start_seconds)
        await self._reads.open(wait=True, timeout=self._settings.ledger_start_seconds)

    async def close(self) -> None:
        """Closes every connection."""
        await self._writes.close()
        await self._reads.close()

    async def write(self, work: Work[Result]) -> Result:
        """Runs ``work`` on a connection, a second time if the connection was lost or a lock clashed.

        So ``work`` must bear being done twice. Raises UNAVAILABLE, and :class:`ValueRefused`.
        """
        return await self._run(self._writes, work)

    async def read(self, work: Work[Result]) -> Result:
        """As :meth:`write`, for what changes nothing."""
        return await self._run(self._reads, work)

    async def _run(self, pool: AsyncConnectionPool[Connection], work: Work[Result]) -> Result:
        try:
            return await self._once(pool, work)
        except (*_REFUSALS, *_TIME_OUTS) as error:
            raise _translated(error) from None
        except _FAILURES as error:
            log.warning("tried again", error=type(error).__name__)
            if not isinstance(error, _CLASHES):
                await pool.check()  # the others are most likely lost too
        try:
            return await self._once(pool, work)
        except (*_REFUSALS, *_FAILURES) as error:
            raise _translated(error) from None

    async def _once(self, pool: AsyncConnectionPool[Connection], work: Work[Result]) -> Result:
        wait = min(deadlines.remaining(), self._settings.ledger_pool_wait_seconds)
        async with pool.connection(timeout=wait) as connection:
            try:
                return await work(connection)
            finally:
                # A call that is cancelled may leave psycopg's pipeline open. On such a connection results come before
                # the commit, which comes with whatever is done next: it must not be used again.
                if connection.pgconn.pipeline_status:
                    await connection.close()

    def _pool(self, name: str, low: int, high: int, parameters: dict[str, str]) -> AsyncConnectionPool[Connection]:
        milliseconds = str(round(self._settings.ledger_statement_seconds * 1000))
        parameters = parameters | {
            "timezone": "UTC",
            "jit": "off",
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
        }
        return AsyncConnectionPool(
            self._settings.database_url.get_secret_value(),
            kwargs={
                "autocommit": True,
                "prepare_threshold": 0,
                "application_name": f"pulse-ledger-{name}",
                "options": " ".join(f"-c {key}={value}" for key, value in parameters.items()),
                # A half-open connection is noticed in seconds, not hours.
                "connect_timeout": 3,
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,
            },
            name=name,
            min_size=low,
            max_size=high,
            open=False,
            reconnect_timeout=_RECONNECT_SECONDS,
        )


def _translated(error: errors.Error) -> PulseError:
    """What callers get to know, without the error's own text."""
    if isinstance(error, _REFUSALS):
        return ValueRefused(error.sqlstate or "")
    log.error("PostgreSQL cannot be used", error=type(error).__name__)
    return PulseError(
        Code.UNAVAILABLE, "LEDGER_UNAVAILABLE", "the ledger's database cannot be reached", retry_after=1.0
    )
