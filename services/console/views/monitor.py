"""Monitor: the figures of the overview, sampled for as long as somebody looks at them."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulse_client import PulseError, calls
from pulse_client.enums import Channel
from pulse_client.models import Cost, QueueDepth, Statistics
from services.console.views import statistics, tally
from services.console.views.history import History, Sample
from services.console.views.tally import Tally
from services.console.web.gateway import Gateway
from shared.clock import Clock

#: A sample serves everybody who asks within this time, seconds, so that more viewers are no more load.
FRESH_S = 1.5
#: And for at least so many times what it took: a ledger that has to count long is not asked again at once.
REST = 5
#: Hours that throughput is shown for, with the one that runs.
HOURS = 24
_DAY = dt.timedelta(hours=HOURS)
_MINUTE = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Figures:
    """One sample, with what is too much to keep of every sample."""

    queues: Sequence[QueueDepth]
    channels: Sequence[Tally]
    providers: Sequence[Tally]
    average_retry_attempts: float
    #: Accepted by channel in each of the last hours (their beginnings), oldest first; the last one still runs.
    hours: Mapping[dt.datetime, Mapping[Channel, int]]
    #: What providers told that they charge, by day.
    costs: Sequence[Cost] = ()


class Monitor:
    """Samples for one tenant; keeps the last minutes and, while the gateway is away, the last error."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._turn = asyncio.Lock()
        self._next = 0.0
        self.history = History()
        self.figures: Figures | None = None
        self.error: PulseError | None = None

    async def refresh(self) -> None:
        """Samples unless that was done just now; never raises what the gateway says, but keeps it as ``error``."""
        async with self._turn:
            began = time.monotonic()
            if began < self._next:
                return
            try:
                await self._sample()
                self.error = None
            except PulseError as error:
                self.error = error
            took = time.monotonic() - began
            self._next = began + max(FRESH_S, took * REST)

    async def _sample(self) -> None:
        ask = self._gateway.ask
        queues, day, minute = await asyncio.gather(
            ask(calls.queue_depths()), ask(statistics.in_detail(_DAY)), ask(calls.statistics(_MINUTE))
        )
        now = self._clock.now()
        self.figures = Figures(
            queues,
            tally.by_channel(day.counts),
            tally.by_provider(day.counts),
            day.average_retry_attempts,
            statistics.by_hour(day.counts, now.replace(minute=0, second=0, microsecond=0), HOURS),
            day.costs,
        )
        self.history.add(
            Sample(
                time=now.timestamp(),
                due={queue.lane: queue.due for queue in queues},
                age={queue.lane: queue.oldest_due_age.total_seconds() for queue in queues},
                retrying=sum(channel.retrying for channel in self.figures.channels),
                accepted=_total(minute),
            )
        )


class Monitors:
    """A monitor for each credential in use; those that nobody has looked at for longest are dropped."""

    def __init__(self, clock: Clock, most: int = 64) -> None:
        self._clock = clock
        self._most = most
        self._monitors: OrderedDict[bytes, Monitor] = OrderedDict()

    def of(self, gateway: Gateway) -> Monitor:
        """The monitor for whoever the gateway is asked for."""
        owner = hashlib.sha256(gateway.api_key.encode()).digest()
        if owner not in self._monitors:
            self._monitors[owner] = Monitor(gateway, self._clock)
        self._monitors.move_to_end(owner)
        while len(self._monitors) > self._most:
            self._monitors.popitem(last=False)
        return self._monitors[owner]


def _total(statistics: Statistics) -> int:
    return sum(cell.count for cell in statistics.counts)
