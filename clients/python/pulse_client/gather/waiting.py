"""What both clients' gathering has in common: one send that is under way, and those that wait to go together.

What callers send while a call is under way goes in the next one. Nothing waits for company: a send that finds no call
under way goes at once, as a call of its own.
"""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import grpc

from pulse.common.v1 import enums_pb2
from pulse_client import connection
from pulse_client.errors import PulseError
from pulse_client.request import Built

#: What goes in one call at the most: requests, and bytes. So few bytes that a gateway takes it as readily as one send.
MOST_REQUESTS = 1_000
MOST_BYTES = 512 * 1024
#: Calls under way at the same time; those that say HIGH have as many of their own, so that they wait for no other.
MOST_IN_FLIGHT = 2
#: What may wait: sends, and their bytes.
MOST_WAITING = 100_000
MOST_WAITING_BYTES = 64 * 1024 * 1024
#: Bytes that a request takes in a batch besides itself: two tags, two lengths and a traceparent.
_AROUND = 64


class Ask:
    """One send, until it has its answer. ``timeout`` in s, its tries included; None: it waits for ever."""

    def __init__(self, built: Built, timeout: float | None) -> None:
        self.built = built
        self.size = built.message.ByteSize() + _AROUND
        self.ends_at = math.inf if timeout is None else time.monotonic() + timeout
        #: How often it was tried before.
        self.tries = 0
        #: Nobody waits for its answer, or no longer.
        self.is_over = False

    @property
    def remaining(self) -> float | None:
        """Seconds that are left; None: it has no end."""
        return remaining([self])

    def pause(self, error: PulseError) -> float:
        """How long to wait before it is tried again, s; raises ``error`` if it is not to be.

        As gRPC itself tries a call again that fails as a whole (:mod:`pulse_client.connection`).
        """
        self.tries += 1
        if error.code not in connection.RETRIED_CODES or self.tries >= connection.MOST_TRIES:
            raise error
        longest = min(connection.LONGEST_BACKOFF_S, connection.FIRST_BACKOFF_S * 2.0 ** (self.tries - 1))
        pause = longest * random.uniform(0.8, 1.2)  # noqa: S311  # no secret
        if time.monotonic() + pause >= self.ends_at:
            raise error
        return pause

    def is_last_try(self) -> None:
        """It failed together with its call, which gRPC has tried again as often as may be."""
        self.tries = connection.MOST_TRIES


AnyAsk = TypeVar("AnyAsk", bound=Ask)


class Waiting(Generic[AnyAsk]):
    """Sends that wait for the next call, in their order. ``most`` and ``most_bytes`` bound them together."""

    def __init__(self, most: int = MOST_WAITING, most_bytes: int = MOST_WAITING_BYTES) -> None:
        self._asks: deque[AnyAsk] = deque()
        self._bytes = 0
        self._most = most
        self._most_bytes = most_bytes

    def __len__(self) -> int:
        return len(self._asks)

    def add(self, ask: AnyAsk) -> None:
        """Raises PulseError, OVERLOADED, if too many wait."""
        if self._asks and (len(self._asks) >= self._most or self._bytes + ask.size > self._most_bytes):
            raise PulseError(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "OVERLOADED",
                f"{len(self._asks):,} sends of this client wait to go",
                hint="send fewer at the same time: the gateway does not take them as fast as they come",
                retry_after=1.0,
            )
        self._asks.append(ask)
        self._bytes += ask.size

    def put_back(self, asks: Iterable[AnyAsk]) -> None:
        """Those that were taken and did not go are the next."""
        for ask in reversed([*asks]):
            self._asks.appendleft(ask)
            self._bytes += ask.size

    def take(self) -> list[AnyAsk]:
        """What goes in the next call: the first ones, without those that are over. One that is large goes alone."""
        batch: list[AnyAsk] = []
        size = 0
        while self._asks and len(batch) < MOST_REQUESTS:
            ask = self._asks[0]
            if batch and not ask.is_over and size + ask.size > MOST_BYTES:
                break
            self._asks.popleft()
            self._bytes -= ask.size
            if not ask.is_over:
                batch.append(ask)
                size += ask.size
        return batch

    def clear(self) -> list[AnyAsk]:
        """Takes all of them out."""
        asks = [*self._asks]
        self._asks.clear()
        self._bytes = 0
        return asks


def remaining(asks: Iterable[Ask]) -> float | None:
    """Seconds until the last of them gives up; None: one of them never does."""
    left = max(ask.ends_at for ask in asks) - time.monotonic()
    return None if left == math.inf else left


def is_urgent(built: Built) -> bool:
    """Whether the request itself says HIGH; what its template says is not known here."""
    return bool(built.message.priority == enums_pb2.HIGH)


def goes_alone(batch: list[Any]) -> bool:
    """Whether it is a plain send, which gRPC itself tries again."""
    return len(batch) == 1 and not batch[0].tries


def too_late() -> PulseError:
    """The time of one send is up; whether it was accepted is not known."""
    return PulseError(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer within the time-out")


def closed() -> PulseError:
    """The client was closed while it waited."""
    return PulseError(grpc.StatusCode.CANCELLED, "CANCELLED", "the client was closed")
