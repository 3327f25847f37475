"""What follows from an endpoint's answer, and which events a subscription is sent. Pure."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Mapping
from typing import NamedTuple

#: An event is tried for so long from when its delivery came to be, or was asked for again.
TRIED_FOR = dt.timedelta(days=3)
#: An endpoint whose requests all failed for so long is sent nothing more.
FAILS_FOR = dt.timedelta(days=5)
#: The wait before the second request is up to this; it grows fourfold from one to the next, up to the longest.
_FIRST_WAIT = dt.timedelta(seconds=5)
_LONGEST_WAIT = dt.timedelta(hours=8)
#: An endpoint is left alone for no longer than this, whatever it says.
_LONGEST_REST = dt.timedelta(hours=24)
_GONE = 410


class DeliveryState(enum.StrEnum):
    """Where a delivery stands; the names are the contract's."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class SubscriptionState(enum.StrEnum):
    """Whether an endpoint is sent events; the names are the contract's."""

    ENABLED = "ENABLED"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


class Answered(NamedTuple):
    """A request, and what it came to; ``status`` 0: there was no answer."""

    attempt: int
    status: int
    give_up_at: dt.datetime
    failing_since: dt.datetime | None
    retry_after: dt.timedelta | None = None


class Verdict(NamedTuple):
    """What follows for the delivery, and for its subscription."""

    state: DeliveryState
    due_at: dt.datetime | None
    failing_since: dt.datetime | None
    rest_until: dt.datetime | None
    disables: bool


def decide(answered: Answered, now: dt.datetime, random: Callable[[], float]) -> Verdict:
    """``random`` gives numbers from 0 to 1."""
    if 200 <= answered.status <= 299:
        return Verdict(DeliveryState.DELIVERED, None, None, None, False)
    failing_since = answered.failing_since or now
    if answered.status == _GONE:
        return Verdict(DeliveryState.FAILED, None, failing_since, None, True)
    rest = min(answered.retry_after or dt.timedelta(0), _LONGEST_REST)
    due_at = now + max(rest, wait(answered.attempt) * random())
    disables = now - failing_since >= FAILS_FOR
    rest_until = now + rest if rest else None
    if due_at > answered.give_up_at:
        return Verdict(DeliveryState.FAILED, None, failing_since, rest_until, disables)
    return Verdict(DeliveryState.PENDING, due_at, failing_since, rest_until, disables)


def wait(attempt: int) -> dt.timedelta:
    """The longest wait after so many requests."""
    grown: int = 4 ** min(attempt - 1, 10)
    return min(_LONGEST_WAIT, _FIRST_WAIT * grown)


class Wanted(NamedTuple):
    """Which events a subscription is sent; what is empty does not matter."""

    categories: frozenset[str]
    channels: frozenset[str]
    template_names: frozenset[str]
    metadata: Mapping[str, str]

    def matches(self, category: str, channel: str, template_name: str, metadata: Mapping[str, str]) -> bool:
        """Whether a notification of this kind is wanted."""
        return (
            (not self.categories or category in self.categories)
            and (not self.channels or channel in self.channels)
            and (not self.template_names or template_name in self.template_names)
            and self.metadata.items() <= metadata.items()
        )
