"""The connections to PostgreSQL: whose they are, and what happens when one fails."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from opentelemetry.trace import SpanKind
from psycopg import OperationalError, errors
from psycopg_pool import AsyncConnectionPool

from services.ledger.config import LedgerSettings
from services.ledger.postgres import columns, postgres_errors, tenancy
from services.ledger.postgres.presence import Partable, Presence
from services.ledger.postgres.sessions import Start, WrongSession
from services.ledger.postgres.tenancy import Platform
from services.ledger.postgres.turns import Turns
from shared.observe import tracing
from shared.observe.logs import logger
from shared.observe.tracing import OFF, Tracer
from shared.rpc import deadlines

log = logger(__name__)

Result = TypeVar("Result")

#: Give up a failed connection attempt after this, s: the next caller then tries at once, without a grown back-off.
_RECONNECT_SECONDS = 2.0
#: Between two tries to reach PostgreSQL at start, s.
_START_PAUSE = 0.5

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


class Connection(Partable):
    """One that remembers for which tenants its session works."""

    _session_works_for = ""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        columns.register(self)

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


class Postgres:
    """Pools of connections: what sends need never waits for one that a read holds, reads of a few rows for none that a
    search holds, tenants for nothing that the platform does, and no tenant for all that another one asks for.

    For whom ``work`` is done, :mod:`services.ledger.postgres.tenancy` knows: PostgreSQL shows it no others' rows.
    """

    def __init__(self, settings: LedgerSettings, tracer: Tracer = OFF) -> None:
        self._settings = settings
        self._tracer = tracer
        writes, reads, searches = (
            settings.ledger_pool_max,
            settings.ledger_read_pool_max,
            settings.ledger_search_pool_max,
        )
        app, platform = "pulse_app", "pulse_platform"
        not_long = {"statement_timeout": _milliseconds(settings.ledger_search_seconds)}
        self._writes = self._pool("writes", settings.ledger_pool_min, writes, app, PLANS)
        self._reads = self._pool("reads", 1, reads, app)
        # Following waits for no other reader, and none for it: however much is followed, it holds no more than these.
        self._following = self._pool("following", 0, 2, app, PLANS)
        self._searches = self._pool("searches", 1, searches, app, PLANS | not_long)
        # What the platform does of itself is a few calls at a time.
        self._platform_writes = self._pool("platform-writes", 1, _half(writes), platform, PLANS)
        self._platform_reads = self._pool("platform-reads", 1, _half(reads), platform)
        self._platform_searches = self._pool("platform-searches", 1, _half(searches), platform)
        #: As whoever the URL names: tables are altered by their owner alone. None is held when none is at work.
        self._owner = self._pool("owner", 0, 1, "", PLANS)
        self._read_turns = Turns(_half(reads))
        self._search_turns = Turns(_half(searches), settings.ledger_searches_waiting)
        self._renewed_at = float("-inf")
        self._pools = (
            self._writes,
            self._reads,
            self._searches,
            self._following,
            self._platform_writes,
            self._platform_reads,
            self._platform_searches,
            self._owner,
        )
        self._presence = Presence(self._connected, settings.ledger_answer_seconds)

    async def open(self) -> None:
        """Returns when PostgreSQL answers, as the roles that are wanted.

        Raises ``psycopg.OperationalError`` if it does not in time, and :class:`WrongSession`.
        """
        last_try = time.monotonic() + self._settings.ledger_start_seconds
        for role in ("pulse_app", "pulse_platform"):
            await self._try(self._start("start", role), last_try)
        for pool in self._pools:
            await pool.open(wait=True, timeout=self._settings.ledger_start_seconds)
        await self._presence.start()

    async def close(self) -> None:
        """Closes every connection."""
        await self._presence.stop()
        for pool in self._pools:
            await pool.close()

    async def write(self, work: Work[Result], *, pipelined: bool = False) -> Result:
        """Runs ``work`` on a connection, a second time if the connection was lost or a lock clashed.

        So ``work`` must bear being done twice. ``pipelined``: it is one transaction, whose statements are sent without
        waiting, so that their results are to be had by fetching alone; to raise anything costs the connection.
        Raises UNAVAILABLE, and :class:`services.ledger.postgres.postgres_errors.UnstorableValue`.
        """
        platform = tenancy.current() is Platform.ALL
        return await self._run(self._platform_writes if platform else self._writes, _scoped(work, pipelined))

    async def read(self, work: Work[Result]) -> Result:
        """As :meth:`write`, for what looks at a few rows and changes nothing."""
        if tenancy.current() is Platform.ALL:
            return await self._run(self._platform_reads, work)
        async with self._read_turns.turn(_tenants()):
            return await self._run(self._reads, _scoped(work, pipelined=False))

    async def search(self, work: Work[Result]) -> Result:
        """As :meth:`write`, for what may look at many rows, whatever it does with them.

        Raises RESOURCE_EXHAUSTED if it takes too long, or if too many of the same tenant's wait.
        """
        if tenancy.current() is Platform.ALL:
            return await self._run(self._platform_searches, work)
        async with self._search_turns.turn(_tenants()):
            return await self._run(self._searches, _scoped(_not_long(work), pipelined=False))

    async def follow(self, work: Work[Result]) -> Result:
        """As :meth:`read`, for those who follow many notifications."""
        return await self._run(self._following, _scoped(work, pipelined=False))

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
        except errors.Error as error:
            if not postgres_errors.is_worth_another_try(error):
                raise postgres_errors.translated(error) from None
            log.warning("tried again", error=type(error).__name__)
            await self._look_after(pool, error)
        try:
            return await self._once(pool, work)
        except errors.Error as error:
            raise postgres_errors.translated(error) from None

    async def _look_after(self, pool: AsyncConnectionPool[Connection], error: errors.Error) -> None:
        """Parts with the connections that have most likely failed together with the one that just did."""
        if postgres_errors.is_of_the_server(error):
            # Another server may take writes by now, and this one would show old rows. But not for every request.
            if time.monotonic() - self._renewed_at > _RECONNECT_SECONDS:
                self._renewed_at = time.monotonic()
                for each in self._pools:
                    await each.drain()
        elif postgres_errors.spoils_the_connection(error):
            await pool.check()

    async def _once(self, pool: AsyncConnectionPool[Connection], work: Work[Result]) -> Result:
        wait = min(deadlines.remaining(), self._settings.ledger_pool_wait_seconds)
        async with self._presence.needed() as use:
            try:
                async with pool.connection(timeout=wait) as connection:
                    use.connection = connection
                    _end_if_cancelled()
                    return await _whole(work, connection)
            except errors.Error:
                _end_if_cancelled()
                raise

    async def _connected(self) -> Connection:
        """A connection beside the pools."""
        url = self._settings.database_url.get_secret_value()
        return await Connection.connect(url, autocommit=True, **self._start("presence", "pulse_app").arguments(url))

    async def _try(self, start: Start, last_try: float) -> None:
        """Connects once for a look, again and again until ``last_try`` on the monotonic clock."""
        url = self._settings.database_url.get_secret_value()
        while True:
            try:
                async with await Connection.connect(url, autocommit=True, **start.arguments(url)) as connection:
                    return await start.check(connection)
            except OperationalError:
                if time.monotonic() >= last_try:
                    raise
            await asyncio.sleep(_START_PAUSE)

    def _start(self, name: str, role: str, plans: Mapping[str, str] | None = None) -> Start:
        milliseconds = _milliseconds(self._settings.ledger_statement_seconds)
        bounds = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        return Start(f"ledger-{name}", role, dict.fromkeys(bounds, milliseconds) | dict(plans or {}))

    def _pool(
        self, name: str, low: int, high: int, role: str, plans: Mapping[str, str] | None = None
    ) -> AsyncConnectionPool[Connection]:
        url = self._settings.database_url.get_secret_value()
        start = self._start(name, role, plans)
        return AsyncConnectionPool(
            url,
            # Read when it is used first: what is wrong with the address is told by the start, in a sentence.
            kwargs=lambda: {"autocommit": True, "prepare_threshold": 0, **start.arguments(url)},
            connection_class=Connection,
            configure=_checked(start),
            name=name,
            min_size=low,
            max_size=high,
            open=False,
            reconnect_timeout=_RECONNECT_SECONDS,
        )


def _half(connections: int) -> int:
    """Of a pool's connections, one at the least."""
    return max(1, connections // 2)


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _checked(start: Start) -> Callable[[Connection], Awaitable[None]]:
    """Has a pool take no connection that did not begin so; whoever waits for one is told that there is none."""

    async def check(connection: Connection) -> None:
        try:
            await start.check(connection)
        except WrongSession as error:
            log.error("a connection is refused", reason=error.message)
            await connection.close()
            raise

    return check


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
    except errors.Error as error:
        if postgres_errors.spoils_the_connection(error):
            await connection.close()
        raise
    finally:
        # A call that is cancelled may leave psycopg's pipeline open. On such a connection results come before the
        # commit, which comes with whatever is done next: it must not be used again.
        if connection.pgconn.pipeline_status:
            await connection.close()


def _not_long(work: Work[Result]) -> Work[Result]:
    """The same, of which callers are told if PostgreSQL ends it because of its length."""

    async def not_long(connection: Connection) -> Result:
        try:
            return await work(connection)
        except errors.QueryCanceled:
            raise postgres_errors.too_long() from None

    return not_long


def _scoped(work: Work[Result], pipelined: bool) -> Work[Result]:
    """The same, of which PostgreSQL knows for whom it is done."""
    names = _tenants()

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


def _tenants() -> str:
    """For whom the work at hand is done, as the policies read it: keys of a JSON object. Empty: for the platform."""
    scope = tenancy.current()
    if isinstance(scope, Platform):
        return ""
    # No text of PostgreSQL's holds NUL, so such a name is nobody's.
    return json.dumps({name: 1 for name in sorted(scope) if "\0" not in name}, ensure_ascii=False)
