"""Tally: what became of what was accepted, by channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pulse_client.enums import Channel, Status
from pulse_client.models import StatusCount

_ARRIVED = frozenset({Status.SENT, Status.DELIVERED})
_FAILED = frozenset({Status.FAILED, Status.UNDELIVERED, Status.UNKNOWN})
_UNDER_WAY = frozenset({Status.SCHEDULED, Status.QUEUED, Status.SENDING, Status.RETRYING})


@dataclass(frozen=True)
class Tally:
    """Counts of one channel. ``withheld`` were expired, cancelled or suppressed before they were sent."""

    channel: Channel
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


def tallies(counts: Iterable[StatusCount]) -> list[Tally]:
    """One for each channel, in the order of the contract."""
    cells = {(count.channel, count.status): count.count for count in counts}
    return [_tally(channel, cells) for channel in Channel if channel is not Channel.UNSPECIFIED]


def _tally(channel: Channel, cells: dict[tuple[Channel, Status], int]) -> Tally:
    def total(statuses: frozenset[Status]) -> int:
        return sum(cells.get((channel, status), 0) for status in statuses)

    known = _ARRIVED | _FAILED | _UNDER_WAY
    return Tally(
        channel,
        arrived=total(_ARRIVED),
        failed=total(_FAILED),
        under_way=total(_UNDER_WAY),
        retrying=total(frozenset({Status.RETRYING})),
        withheld=total(frozenset(Status) - known),
    )
