"""Whether providers can be reached: a TCP connection each, believed for a few seconds."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass

from services.delivery.providers.base.entry import Endpoint
from shared.clock import Clock

#: Longest wait for a connection, s.
CONNECT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Reachability:
    """What a check of one provider found."""

    endpoint: Endpoint
    problem: str  # empty: it could be reached
    checked_at: dt.datetime


class ReachabilityChecks:
    """Checks all providers at once. Those who ask while a check is under way, or soon after it, share it."""

    def __init__(self, endpoints: Sequence[Endpoint], clock: Clock, believed_seconds: float) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._believed_seconds = believed_seconds
        self._lock = asyncio.Lock()
        self._found: list[Reachability] = []
        self._good_until = 0.0

    async def current(self) -> list[Reachability]:
        """In the order of the endpoints; raises nothing."""
        async with self._lock:
            if time.monotonic() >= self._good_until:
                self._found = list(await asyncio.gather(*(self._check(endpoint) for endpoint in self._endpoints)))
                self._good_until = time.monotonic() + self._believed_seconds
            return self._found

    async def _check(self, endpoint: Endpoint) -> Reachability:
        return Reachability(endpoint, await _problem(endpoint), self._clock.now())


async def _problem(endpoint: Endpoint) -> str:
    if not endpoint.host:  # each of its destinations is somewhere else
        return ""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except TimeoutError:
        return f"no connection within {CONNECT_SECONDS:g} s"
    except OSError as error:
        return f"no connection: {type(error).__name__}"
    writer.close()
    return ""
