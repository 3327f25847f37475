"""Claim: one notification in a worker's hands, under a lease."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from services.delivery.rules.asked import Asked
from services.delivery.rules.provider import Outcome, RegisteredSender
from shared.errors import PulseError
from shared.lane.names import Lane
from shared.observe.tracing import OFF, Span
from shared.refs import Ref

_NO_SPAN = OFF.start("deliver", "")


class ClaimedNotification(NamedTuple):
    """All that is needed to send one notification.

    Both ends are moments of ``time.monotonic()``, worked out from the ledger's own clock: the worker's wall clock
    may be wrong by any amount.
    """

    tenant_id: str
    notification_id: str
    fence: int
    attempt: int  # from 1
    provider: str
    channel: str  # its name in the contract
    to: str
    asked: Asked
    created_at: dt.datetime
    ready_at: dt.datetime  # since when it may be sent: what a worker's speed is measured from
    lease_until: float
    expires_at: float | None  # no byte may go out after it
    lane: Lane = Lane.LOW
    traceparent: str = ""
    said: Mapping[str, Any] = MappingProxyType({})  # by the request, beside subject and text (shared.saying)
    expires_time: dt.datetime | None = None  # the same by the ledger's clock, UTC
    unsubscribable: bool = False  # its recipient may unsubscribe from its category
    sender: RegisteredSender | None = None  # by its channel; None: as the provider's settings say
    span: Span = _NO_SPAN  # of the attempt, under way


class Claimed(NamedTuple):
    """What one claim brought, and what may be claimed at once: the answer had no room for it."""

    claims: list[ClaimedNotification]
    left: list[Ref]


class Settlement(NamedTuple):
    """How an attempt ended."""

    claim: ClaimedNotification
    outcome: Outcome
    latency: float = 0.0  # of the provider's call, s; 0 if there was none

    @property
    def called(self) -> bool:
        """Whether the provider was called."""
        return self.latency > 0


class Round(NamedTuple):
    """What became of settlements, whether each was applied, and of a claim in the same call."""

    applied: Sequence[bool] | PulseError
    claimed: Claimed | PulseError
