"""Call: one provider call in one thread or task, and what bounds it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from services.delivery.providers.base.http_answer import Answer

#: Most that is read of a provider in answer to one request, bytes: answers have some hundreds.
LARGEST_ANSWER = 1024 * 1024


class AnswerTooLarge(OSError):
    """The provider says more than :data:`LARGEST_ANSWER`."""


@dataclass(slots=True)
class Call:
    """One call. Sockets and SDKs' transports find it by :func:`current`, through whatever library lies between."""

    deadline: float  # of time.monotonic(): no wait goes on after it, and no byte goes out
    traceparent: str = ""  # W3C context of the call; empty: not sampled
    sent: bool = True  # a byte of the request may have gone out
    received: int = 0  # bytes of the answer so far
    answer: Answer | None = None  # the last one by HTTP
    largest: int = LARGEST_ANSWER  # most that is read of an answer by HTTP, bytes

    def left(self) -> float:
        """Seconds until the deadline, more than 0; raises TimeoutError once it has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's deadline has passed")
        return left

    def begin_request(self) -> None:
        """Nothing of the request has gone out, and nothing of its answer has come."""
        self.sent = False
        self.received = 0
        self.answer = None

    def count(self, received: int) -> None:
        """Takes note of bytes that came; raises :class:`AnswerTooLarge`."""
        self.received += received
        if self.received > LARGEST_ANSWER:
            raise AnswerTooLarge(f"an answer has at most {LARGEST_ANSWER} bytes")


_CALL: ContextVar[Call] = ContextVar("call")


@contextmanager
def calling(deadline: float, traceparent: str = "") -> Iterator[Call]:
    """The call that this thread or task is in; it begins and ends with the block, unless there was one before."""
    under_way = _CALL.get(None)
    if under_way is not None:
        yield under_way
        return
    call = Call(deadline, traceparent)
    token = _CALL.set(call)
    try:
        yield call
    finally:
        _CALL.reset(token)


def current() -> Call:
    """The call that this thread or task is in; raises LookupError outside of one."""
    return _CALL.get()
