"""Tally: what became of what was accepted, by channel and by provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pulse_client.enums import Channel, Status
from services.console.views.statistics import Count

_ARRIVED = frozenset({Status.SENT, Status.DELIVERED})
_FAILED = frozenset({Status.FAILED, Status.UNDELIVERED, Status.UNKNOWN})
#: What only another release knows has not ended as far as is known here.
_UNDER_WAY = frozenset({Status.UNSPECIFIED, Status.SCHEDULED, Status.QUEUED, Status.SENDING, Status.RETRYING})

Key = TypeVar("Key")


@dataclass(frozen=True)
class Tally:
    """Counts of one channel, or one of its providers. ``withheld`` were expired, cancelled or suppressed."""

    channel: Channel
    provider: str = ""
    arrived: int = 0
    failed: int = 0
    under_way: int = 0
    retrying: int = 0
    withheld: int = 0

    @property
    def accepted(self) -> int:
        return self.arrived + self.failed + self.under_way + self.withheld

    @property
    def success_rate(self) -> float | None:
        """Of those that a provider took over or refused for good, the part it took over; None before the first."""
        ended = self.arrived + self.failed
        return self.arrived / ended if ended else None


def by_channel(counts: Iterable[Count]) -> list[Tally]:
    """One for each channel, in the order of the contract; what only another release knows comes last."""
    cells: Counter[tuple[Channel, Status]] = Counter()
    for cell in counts:
        cells[cell.channel, cell.status] += cell.count
    newer = [Channel.UNSPECIFIED] if any(channel is Channel.UNSPECIFIED for channel, _ in cells) else []
    order = [*(channel for channel in Channel if channel is not Channel.UNSPECIFIED), *newer]
    return [_tally(channel, "", _of(cells, channel)) for channel in order]


def by_provider(counts: Iterable[Count]) -> list[Tally]:
    """One for each provider that tried any, by channel, then name."""
    cells: Counter[tuple[tuple[Channel, str], Status]] = Counter()
    for cell in counts:
        if cell.provider:
            cells[(cell.channel, cell.provider), cell.status] += cell.count
    order = list(Channel)
    found = sorted({key for key, _ in cells}, key=lambda key: (order.index(key[0]), key[1]))
    return [_tally(channel, provider, _of(cells, (channel, provider))) for channel, provider in found]


def _of(cells: Mapping[tuple[Key, Status], int], key: Key) -> Mapping[Status, int]:
    return {status: cells.get((key, status), 0) for status in Status}


def _tally(channel: Channel, provider: str, counts: Mapping[Status, int]) -> Tally:
    def total(statuses: frozenset[Status]) -> int:
        return sum(counts[status] for status in statuses)

    known = _ARRIVED | _FAILED | _UNDER_WAY
    return Tally(
        channel,
        provider,
        arrived=total(_ARRIVED),
        failed=total(_FAILED),
        under_way=total(_UNDER_WAY),
        retrying=counts[Status.RETRYING],
        withheld=total(frozenset(Status) - known),
    )
