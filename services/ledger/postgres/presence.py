"""Whether PostgreSQL is there: asked all the time, so that no call finds out by waiting.

A server that has ended refuses connections, but one that was stopped, or is behind a network that swallows everything,
says nothing at all: no time-out of its own ends what waits for it. So it is asked on a connection of its own, and once
it does not answer, whatever waits is ended, and what comes is refused at once until it answers again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from psycopg import AsyncConnection, errors

from services.ledger.postgres import postgres_errors
from shared.observe.logs import logger

log = logger(__name__)

#: Between two questions, s.
_PAUSE_SECONDS = 0.5
#: So many questions in a row without an answer, and it is away: one may have been held up here.
_STRIKES = 2


class Partable(AsyncConnection[tuple[Any, ...]]):
    """A connection that can be parted with while the server says nothing."""

    #: The server is not asked to cancel what is under way, as it would not answer: the connection is closed instead.
    given_up = False

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109 -- psycopg's own signature
        """What psycopg asks for when a wait is cancelled."""
        if self.given_up:
            self.pgconn.finish()
        else:
            await super().cancel_safe(timeout=timeout)


class Use:
    """Work that is under way; :attr:`connection` is there once it has one."""

    def __init__(self, bound: asyncio.Timeout) -> None:
        self._bound = bound
        self.connection: Partable | None = None

    def end(self) -> None:
        """Ends the work, without a word to the server."""
        if self.connection is not None:
            self.connection.given_up = True
        if not self._bound.expired():
            self._bound.reschedule(asyncio.get_running_loop().time())


class Presence:
    """Asks PostgreSQL on a connection that ``connect`` opens; it has ``answer_seconds`` for each answer."""

    def __init__(self, connect: Callable[[], Awaitable[Partable]], answer_seconds: float) -> None:
        self._connect = connect
        self._answer_seconds = answer_seconds
        self._connection: Partable | None = None
        self._uses: set[Use] = set()
        self._away = False
        self._strikes = 0
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Begins to ask."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Asks no more, once the question under way has ended.

        A connection that is cancelled while it is being made stays half open for as long as something remembers it, and
        PostgreSQL waits for its next word: nothing else could then drop the database.
        """
        self._stopping.set()
        if self._task is not None:
            await self._task
        await self._part()

    @contextlib.asynccontextmanager
    async def needed(self) -> AsyncIterator[Use]:
        """For work that needs PostgreSQL: raises UNAVAILABLE at once while it is away, and if it goes meanwhile."""
        if self._away:
            raise postgres_errors.unreachable()
        try:
            async with asyncio.timeout(None) as bound:
                use = Use(bound)
                self._uses.add(use)
                try:
                    yield use
                finally:
                    self._uses.discard(use)
        except TimeoutError:
            if bound.expired():
                raise postgres_errors.unreachable() from None
            raise

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._ask()
                self._answered()
            except TimeoutError:
                self._strikes += 1
                if self._strikes >= _STRIKES:
                    self._gone("it says nothing")
            except errors.TooManyConnections:
                self._answered()  # those that are connected already are served
            except Exception as error:
                self._gone(type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _PAUSE_SECONDS)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self._answer_seconds):
                if self._connection is None:
                    self._connection = await self._connect()
                    self._connection.given_up = True
                await self._connection.execute("SELECT")
        except BaseException:
            await self._part()
            raise

    async def _part(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    def _answered(self) -> None:
        self._strikes = 0
        if self._away:
            log.info("PostgreSQL is back")
        self._away = False

    def _gone(self, why: str) -> None:
        if not self._away:
            log.error("PostgreSQL is away: calls are refused until it answers", error=why, under_way=len(self._uses))
        self._away = True
        for use in self._uses:
            use.end()
