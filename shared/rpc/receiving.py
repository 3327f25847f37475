"""Taking in what callers send: the caller is known first, and what is under way has a bound.

gRPC takes in a whole message before a handler is asked anything, and has one limit for all methods of a server. Here a
message is read when its caller has been let in. Until then no more of it comes than a window of HTTP/2 (64 KiB).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc.aio

from shared.errors import Code, PulseError

Context = grpc.aio.ServicerContext[Any, Any]
#: Gives a call's message in bytes; raises :class:`PulseError` for one that is not taken in.
Receive = Callable[[str, Context], Awaitable[bytes]]
#: Who calls, by the method and what the call says of itself; raises :class:`PulseError` if that is nobody.
Knows = Callable[[str, Context], str]

#: A message that takes longer than this to arrive is a slow one, s. Those of half a megabyte do on a line of 20 Mbit/s.
SLOW_SECONDS = 0.25
#: Longest wait for a slow one, s.
PATIENCE_SECONDS = 20.0
#: How many slow ones there may be at a time, and how many of one caller; each may have the largest message's size.
SLOW, SLOW_OF_ONE = 8, 4
#: What messages beyond the usual limit may have together while they are worked on, bytes: four of the largest.
IN_HAND_BYTES = 64 * 1024 * 1024


async def receive(_method: str, context: Context) -> bytes:
    """The message of a caller who is trusted: other roles."""
    return _whole(await context.read())


class Receiving:
    """Takes in messages of the outside. ``limits``: the most bytes by method, else ``most``."""

    def __init__(self, knows: Knows, limits: Mapping[str, int], most: int) -> None:
        self._knows = knows
        self._limits = limits
        self._most = most
        self._slow: Counter[str] = Counter()
        self._in_hand = 0

    async def __call__(self, method: str, context: Context) -> bytes:
        """The message. UNAUTHENTICATED, before it is there; RESOURCE_EXHAUSTED: it is too large, or one too many."""
        owner = self._knows(method, context)
        raw = _whole(await self._read(context, owner))
        most = self._limits.get(method, self._most)
        if len(raw) > most:
            raise _too_large(most)
        if len(raw) > self._most:
            self._take_in_hand(len(raw))
        return raw

    def _take_in_hand(self, size: int) -> None:
        if self._in_hand + size > IN_HAND_BYTES:
            raise PulseError(
                Code.RESOURCE_EXHAUSTED, "OVERLOADED", "too many large messages are worked on", retry_after=1.0
            )
        self._in_hand += size
        _call().add_done_callback(lambda _: self._put_down(size))

    def _put_down(self, size: int) -> None:
        self._in_hand -= size

    async def _read(self, context: Context, owner: str) -> Any:
        arrival = _Arrival(self._slow, owner)
        try:
            return await context.read()
        except asyncio.CancelledError:
            if arrival.refusal is None:
                raise
            arrival.task.uncancel()
            raise arrival.refusal from None
        finally:
            arrival.end()


class _Arrival:
    """A message that is on its way."""

    def __init__(self, slow: Counter[str], owner: str) -> None:
        self.task = _call()
        self.refusal: PulseError | None = None
        self._slow = slow
        self._owner = owner
        self._counted = False
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(SLOW_SECONDS, self._late)

    def end(self) -> None:
        """It is there, or will never be."""
        self._timer.cancel()
        if self._counted:
            self._slow[self._owner] -= 1
            if not self._slow[self._owner]:
                del self._slow[self._owner]

    def _late(self) -> None:
        """A loop that is late itself first looks at what has come meanwhile."""
        self._timer = self._loop.call_later(SLOW_SECONDS / 10, self._is_slow)

    def _is_slow(self) -> None:
        if self._slow.total() >= SLOW or self._slow[self._owner] >= SLOW_OF_ONE:
            self._refuse("TOO_MANY_SLOW_MESSAGES", "too many messages are on their way; send this one again later")
            return
        self._counted = True
        self._slow[self._owner] += 1
        self._timer = self._loop.call_later(
            PATIENCE_SECONDS,
            self._refuse,
            "MESSAGE_TOO_SLOW",
            f"the message took over {PATIENCE_SECONDS:.0f} s to arrive",
        )

    def _refuse(self, reason: str, message: str) -> None:
        self.refusal = PulseError(Code.RESOURCE_EXHAUSTED, reason, message, retry_after=1.0)
        self.task.cancel()


def _call() -> asyncio.Task[Any]:
    """The task that the current call is."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 -- gRPC makes one of each
    return task


def _whole(raw: Any) -> bytes:
    if raw is grpc.aio.EOF:
        raise PulseError(Code.INVALID_ARGUMENT, "MALFORMED_MESSAGE", "the call has no message")
    return bytes(raw)


def _too_large(most: int) -> PulseError:
    return PulseError(
        Code.RESOURCE_EXHAUSTED,
        "REQUEST_TOO_LARGE",
        f"a message of this method has at most {most // 2**20} MiB",
        metadata={"limit_bytes": str(most), "http_status": "413"},
    )
