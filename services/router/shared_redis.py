"""The Redis or Valkey that all routers share: scripts, each waited for a few ms, over connections that are kept.

Who calls does not wait long; what it called for goes on. A connection takes several round trips to make, more by TLS,
so it is made in the background however short a call is; and an answer that is late is read and thrown away by the one
that asked for it, so that its connection stays good and nobody else gets to read it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from services.router import redis_client
from shared import server_urls
from shared.broker_errors import reason
from shared.server_urls import ServerUrl

#: Longest time for what nobody waits for any more, s: connecting, or an answer that is late. Then its connection is
#: taken for dead.
CONNECT_SECONDS = 2.0


class RedisUnavailableError(Exception):
    """Redis is gone; what was asked may or may not have been done."""


class RedisSlowError(RedisUnavailableError):
    """Redis did not answer in time; it may only be busy, or about to be connected."""


class SharedRedis:
    """Runs scripts, for all in this process: it is connected to once, whoever asks.

    A call lasts no longer than ``timeout`` s, unless it names a time of its own; no connecting longer than
    ``connect_seconds``.
    """

    def __init__(self, url: str | ServerUrl, timeout: float, connect_seconds: float = CONNECT_SECONDS) -> None:
        server = server_urls.parse(url, server_urls.REDIS) if isinstance(url, str) else url
        # One retry renews a connection that was cut while idle; scripts bear being run twice.
        # No time-outs of the driver's own: they would end a call that only this process's own pause made late.
        self._redis = redis_client.client(
            server,
            connect_seconds,
            retry=Retry(NoBackoff(), 1),
            socket_timeout=None,
            socket_connect_timeout=None,
            socket_keepalive=True,
        )
        self._timeout = timeout
        self._connect_seconds = connect_seconds
        self._overdue: set[asyncio.Task[Any]] = set()

    def script(self, text: str) -> AsyncScript:
        """A script to be run here."""
        return self._redis.register_script(text)

    def connect(self) -> None:
        """Begins to connect, so that the first call finds a connection; returns at once. Within an event loop."""
        self._let_go_on(asyncio.ensure_future(self._whole(self._redis.ping)))

    async def run(
        self, script: AsyncScript, keys: Sequence[str], arguments: Sequence[str | int], within: float | None = None
    ) -> Any:
        """The script's answer, ``within`` so many s; raises :class:`RedisUnavailableError`."""
        longest = patience = self._timeout if within is None else within
        if self._overdue:
            # Another connection would take as long as the one that is being made.
            patience /= 2
            if not await _in_time(self._overdue, patience):
                raise _slow(longest)
        task = asyncio.ensure_future(self._whole(lambda: script(keys, arguments)))
        try:
            if not await _in_time({task}, patience):
                raise _slow(longest)
            return task.result()
        except (RedisError, OSError) as error:
            raise RedisUnavailableError(reason(error)) from error
        finally:
            self._let_go_on(task)

    async def close(self) -> None:
        """Ends what is under way and closes the connections."""
        for task in self._overdue:
            task.cancel()
        await asyncio.gather(*self._overdue, return_exceptions=True)
        await redis_client.close(self._redis)

    async def _whole(self, call: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await call()
        except RedisError:
            # The one behind these connections may no longer be the right one: a replica, say, that was the primary.
            await self._redis.connection_pool.disconnect(inuse_connections=False)
            raise

    def _let_go_on(self, task: asyncio.Task[Any]) -> None:
        if not task.done():
            self._overdue.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._overdue.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain of it: whoever asked has gone on without


def _slow(seconds: float) -> RedisSlowError:
    return RedisSlowError(f"no answer within {seconds:g} s")


async def _in_time(tasks: set[asyncio.Task[Any]], seconds: float) -> bool:
    """Whether all have ended within so many seconds.

    The wait is in two halves: if this process itself was held up, the first ends late, and what has
    arrived meanwhile is read in the second before Redis is called slow.
    """
    for _ in range(2):
        _, pending = await asyncio.wait(tasks, timeout=seconds / 2)
        if not pending:
            return True
    return False
