"""Claim: one notification in a worker's hands, under a lease."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from services.delivery.rules.asked import Asked
from services.delivery.rules.provider import NO_COPIES, Copies, Outcome, Outgoing, RegisteredSender
from shared.errors import PulseError
from shared.lane.names import Lane
from shared.observe.tracing import OFF, Span
from shared.refs import Ref

#: What a provider is given, or how the attempt ends without a call.
Prepared = Outgoing | Outcome

_NO_SPAN = OFF.start("deliver", "")


class Device(NamedTuple):
    """One of several devices that a notification goes to."""

    device_token_id: str
    token: str
    provider: str  # that is called for it
    waits: bool = False  # that must not be called now: it is given back


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
    copies: Copies = NO_COPIES  # of an email
    sender: RegisteredSender | None = None  # by its channel; None: as the provider's settings say
    span: Span = _NO_SPAN  # of the attempt, under way
    devices: Sequence[Device] = ()  # it goes to each of these; empty: to the one address
    whole: Whole | None = None  # this is its part for one device, which stands alone in devices

    @property
    def providers(self) -> Collection[str]:
        """Those that are called for it."""
        return {device.provider for device in self.devices if not device.waits} or (self.provider,)

    @property
    def weight(self) -> int:
        """Characters that it holds in memory until it is settled."""
        if not self.devices:
            return len(self.asked.context_json)
        return len(self.asked.context_json) + sum(len(device.token) for device in self.devices)


class Whole(Protocol):
    """A notification that goes to several devices, as its parts see it."""

    def ended(self, part: Settlement) -> Settlement | None:
        """How the attempt ended, once all parts have; until then None."""
        ...

    async def prepared(self, prepare: Callable[[], Awaitable[Prepared]]) -> Prepared:
        """What ``prepare`` gives, which is asked once for all parts."""
        ...


class Claimed(NamedTuple):
    """What one claim brought, and what may be claimed at once: the answer had no room for it."""

    claims: list[ClaimedNotification]
    left: list[Ref]


class Settlement(NamedTuple):
    """How an attempt ended."""

    claim: ClaimedNotification
    outcome: Outcome
    latency: float = 0.0  # of the provider's call, s; 0 if there was none
    devices: Sequence[
        tuple[Device, Outcome, float]
    ] = ()  # of a claim with devices: of each the outcome and the latency

    @property
    def called(self) -> bool:
        """Whether the provider was called."""
        return self.latency > 0


class Round(NamedTuple):
    """What became of settlements, whether each was applied, and of a claim in the same call."""

    applied: Sequence[bool] | PulseError
    claimed: Claimed | PulseError
