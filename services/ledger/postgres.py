"""The connections to PostgreSQL, and what its errors mean to callers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from opentelemetry.trace import SpanKind
from psycopg import AsyncConnection, errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from services.ledger import tenancy
from services.ledger.config import LedgerSettings
from services.ledger.tenancy import Platform
from shared import deadlines, tracing
from shared.errors import Code, PulseError
from shared.logs import logger
from shared.tracing import OFF, Tracer

log = logger(__name__)

Result = TypeVar("Result")

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
PLANS = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}

#: Who may be seen; whether only until the transaction ends.
_TENANTS = "SELECT set_config('pulse.tenants', %s, %s)"


#: What a session works for while it is being told: a call that is cancelled there may have told it or not.
_UNSURE = "?"


class Connection(AsyncConnection[tuple[Any, ...]]):
    """One that remembers for which tenants its session works."""

    _session_works_for = ""

    async def work_for(self, names: str) -> None:
        """Has PostgreSQL show the rows of these tenants alone, from here on; not to be called within a transaction.

        For the session, as a transaction for it would cost small batches a quarter more; and said again only when it
        differs, so nothing is said where one tenant sends. That makes the connection one of our own, as the role and
        the settings that it starts with do: a proxy that gives sessions away between transactions must not be between.
        """
        if names != self._session_works_for:
            self._session_works_for = _UNSURE
            await self.execute(_TENANTS, [names, False])
            self._session_works_for = names


Work = Callable[[Connection], Awaitable[Result]]


class ValueRefused(PulseError):
    """INVALID_ARGUMENT: the database cannot use a value. Its own words are left out, as they repeat the value."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(Code.INVALID_ARGUMENT, "VALUE_REFUSED", "the database refuses a value of the request")
        #: PostgreSQL's error code (https://www.postgresql.org/docs/current/errcodes-appendix.html).
        self.sqlstate = sqlstate


class Postgres:
    """Pools of connections: writes never wait for one that a slow read holds, nor tenants for the platform's work.

    For whom ``work`` is done, :mod:`services.ledger.tenancy` knows: PostgreSQL shows it no others' rows.
    """

    def __init__(self, settings: LedgerSettings, tracer: Tracer = OFF) -> None:
        self._settings = settings
        self._tracer = tracer
        writes, reads = settings.ledger_pool_max, settings.ledger_read_pool_max
        app, platform = {"role": "pulse_app"}, {"role": "pulse_platform"}
        self._writes = self._pool("writes", settings.ledger_pool_min, writes, PLANS | app)
        self._reads = self._pool("reads", 1, reads, app)
        # What the platform does of itself is a few calls at a time.
        self._platform_writes = self._pool("platform-writes", 1, max(1, writes // 2), PLANS | platform)
        self._platform_reads = self._pool("platform-reads", 1, max(1, reads // 2), platform)
        #: As whoever the URL names: tables are altered by their owner alone. None is held when none is at work.
        self._owner = self._pool("owner", 0, writes, PLANS)
        self._pools = (self._writes, self._reads, self._platform_writes, self._platform_reads, self._owner)

    async def open(self) -> None:
        """Returns when PostgreSQL answers; raises ``psycopg_pool.PoolTimeout`` if it does not in time."""
        for pool in self._pools:
            await pool.open(wait=True, timeout=self._settings.ledger_start_seconds)

    async def close(self) -> None:
        """Closes every connection."""
        for pool in self._pools:
            await pool.close()

    async def write(self, work: Work[Result], *, pipelined: bool = False) -> Result:
        """Runs ``work`` on a connection, a second time if the connection was lost or a lock clashed.

        So ``work`` must bear being done twice. ``pipelined``: it is one transaction, whose statements are sent without
        waiting, so that their results are to be had by fetching alone; to raise anything costs the connection.
        Raises UNAVAILABLE, and :class:`ValueRefused`.
        """
        platform = tenancy.current() is Platform.ALL
        return await self._run(self._platform_writes if platform else self._writes, _scoped(work, pipelined))

    async def read(self, work: Work[Result]) -> Result:
        """As :meth:`write`, for what changes nothing."""
        platform = tenancy.current() is Platform.ALL
        return await self._run(self._platform_reads if platform else self._reads, _scoped(work, pipelined=False))

    async def maintain(self, work: Work[Result]) -> Result:
        """As :meth:`write`, by the tables' owner, if the URL names it."""
        return await self._run(self._owner, work)

    async def _run(self, pool: AsyncConnectionPool[Connection], work: Work[Result]) -> Result:
        """Within a span, if what this is done for is traced."""
        caller = tracing.current()
        if caller is None or not caller.sampled:
            return await self._tried_twice(pool, work)
        attributes: dict[str, tracing.Value] = {"db.system.name": "postgresql", "db.operation.name": pool.name}
        span = self._tracer.start("postgresql", caller.traceparent, SpanKind.CLIENT, attributes=attributes)
        with tracing.within(span):
            return await self._tried_twice(pool, work)

    async def _tried_twice(self, pool: AsyncConnectionPool[Connection], work: Work[Result]) -> Result:
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
        try:
            async with pool.connection(timeout=wait) as connection:
                _end_if_cancelled()
                return await _whole(work, connection)
        except errors.Error:
            _end_if_cancelled()
            raise

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
            connection_class=Connection,
            name=name,
            min_size=low,
            max_size=high,
            open=False,
            reconnect_timeout=_RECONNECT_SECONDS,
        )


def _end_if_cancelled() -> None:
    """Raises CancelledError if somebody wants this task to end, and that was lost on the way.

    Python 3.11 loses it in ``asyncio.wait_for`` (https://github.com/python/cpython/issues/86296), by which the pool
    waits; and psycopg may end a cancelled wait with an error of its own. The task would go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _whole(work: Work[Result], connection: Connection) -> Result:
    try:
        return await work(connection)
    finally:
        # A call that is cancelled may leave psycopg's pipeline open. On such a connection results come before the
        # commit, which comes with whatever is done next: it must not be used again.
        if connection.pgconn.pipeline_status:
            await connection.close()


def _scoped(work: Work[Result], pipelined: bool) -> Work[Result]:
    """The same, of which PostgreSQL knows for whom it is done."""
    scope = tenancy.current()
    names = "" if isinstance(scope, Platform) else _names(scope)

    async def scoped(connection: Connection) -> Result:
        await connection.work_for(names)
        return await work(connection)

    async def in_pipeline(connection: Connection) -> Result:
        # What a pipeline sends until its end is one transaction to PostgreSQL, which BEGIN and COMMIT would only make
        # dearer: each would be waited for, and cost a small batch as much as the rest of it
        # (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).
        async with connection.pipeline():
            try:
                if names:
                    await connection.execute(_TENANTS, [names, True])
                return await work(connection)
            except BaseException:
                # The end would commit what was sent before. Without an end all of it is undone.
                await connection.close()
                raise

    if pipelined:
        return in_pipeline
    return scoped if names else work


def _names(tenants: frozenset[str]) -> str:
    """As the policies read them: keys of a JSON object."""
    # No text of PostgreSQL's holds NUL, so such a name is nobody's.
    return json.dumps({name: 1 for name in sorted(tenants) if "\0" not in name}, ensure_ascii=False)


def _translated(error: errors.Error) -> PulseError:
    """What callers get to know, without the error's own text."""
    if isinstance(error, _REFUSALS):
        return ValueRefused(error.sqlstate or "")
    log.error("PostgreSQL cannot be used", error=type(error).__name__)
    return PulseError(
        Code.UNAVAILABLE, "LEDGER_UNAVAILABLE", "the ledger's database cannot be reached", retry_after=1.0
    )
