"""Throughput by hour, out of an API that only counts back from now.

What was accepted in an hour that is over is the difference of two windows, one back to its start and one back to its
end, asked for at the same moment. It does not change any more, so it is asked for once. The two windows are cut by the
ledger's clock when the calls arrive: the figure is exact to what was accepted within those milliseconds.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Mapping

from pulse_client import calls
from pulse_client.enums import Channel
from services.console.gateway import Gateway
from shared.clock import Clock

HOURS = 24
_HOUR = dt.timedelta(hours=1)
#: Longest a sample may spend on hours that are not known yet, seconds; the rest come with the next samples.
BUDGET_S = 0.4

Counts = Mapping[Channel, int]


class Throughput:
    """The last 24 hours of one tenant. The hour that runs is asked for each time."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._over: dict[dt.datetime, Counts] = {}

    async def hours(self) -> Mapping[dt.datetime, Counts]:
        """Accepted by channel for each hour (its start) that is known, oldest first; the last one still runs."""
        current = self._clock.now().replace(minute=0, second=0, microsecond=0)
        wanted = [current - _HOUR * back for back in range(1, HOURS)]
        self._over = {hour: counts for hour, counts in self._over.items() if hour >= wanted[-1]}
        ends = time.monotonic() + BUDGET_S
        for hour in wanted:
            if time.monotonic() > ends:
                break
            if hour not in self._over:
                self._over[hour] = await self._of(hour)
        return {**dict(sorted(self._over.items())), current: await self._since(current)}

    async def _of(self, hour: dt.datetime) -> Counts:
        from_start, from_end = await asyncio.gather(self._since(hour), self._since(hour + _HOUR))
        return {channel: max(count - from_end.get(channel, 0), 0) for channel, count in from_start.items()}

    async def _since(self, moment: dt.datetime) -> Counts:
        window = max(self._clock.now() - moment, dt.timedelta(seconds=1))
        answer = await self._gateway.ask(calls.statistics(window))
        counts: dict[Channel, int] = {}
        for cell in answer.counts:
            counts[cell.channel] = counts.get(cell.channel, 0) + cell.count
        return counts
