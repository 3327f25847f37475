"""Following one notification over streams of the ledger, which may break, until it is at rest."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from pulse.ledger.v1 import ledger_reader_pb2 as pb
from services.gateway.peers import follow
from shared.errors import Code, PulseError
from shared.streams import until

#: Broken streams in a row, without an event between them, before it is given up: about 15 s.
MOST_FAILURES = 8
#: The pause before the first new stream is up to this; it doubles from one to the next, s.
BASE_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
#: How a stream ends when its connection does, or its server: it tells nothing of the notification.
BROKEN = (Code.UNAVAILABLE, Code.CANCELLED)


class Watching:
    """Watches by ``method``, the ledger's ``WatchNotification``, until ``closing`` is set, at most ``longest`` s."""

    def __init__(self, method: Callable[..., Any], closing: asyncio.Event, longest: float) -> None:
        self._method = method
        self._closing = closing
        self._longest = longest

    async def events(self, request: pb.WatchNotificationRequest) -> AsyncIterator[pb.WatchNotificationResponse]:
        """What happens, each once and in order. Ends by itself when the notification is at rest, and only then.

        Raises :class:`shared.errors.PulseError`: UNAVAILABLE when this process is about to stop, after the longest
        time or when the ledger stays away; DEADLINE_EXCEEDED at the call's deadline; what the ledger says otherwise.
        """
        async for seen in until(self._closing, self._longest, self._across_streams(request), _interrupted()):
            yield seen

    async def _across_streams(
        self, request: pb.WatchNotificationRequest
    ) -> AsyncIterator[pb.WatchNotificationResponse]:
        wanted = pb.WatchNotificationRequest(ref=request.ref, after_sequence=request.after_sequence)
        failures = 0
        while True:
            try:
                async for seen in follow(self._method, wanted):
                    wanted.after_sequence, failures = seen.event.sequence, 0
                    yield seen
                return
            except PulseError as error:
                failures += 1
                if error.code not in BROKEN or failures > MOST_FAILURES:
                    raise
            longest = min(LONGEST_PAUSE_S, BASE_PAUSE_S * 2**failures)
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 -- no secret


def _interrupted() -> PulseError:
    return PulseError(
        Code.UNAVAILABLE,
        "WATCH_INTERRUPTED",
        "the notification has not come to rest, but this server has to end the stream",
        hint="watch again after the last sequence that you saw",
        retry_after=1.0,
    )
