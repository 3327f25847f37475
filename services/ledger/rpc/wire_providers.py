"""Protobuf to what the ledger works with, and back: providers."""

from __future__ import annotations

from collections.abc import Iterable

from pulse.common.v1 import provider_pb2
from services.ledger.rpc.wire import clean
from services.ledger.rpc.wire_enums import FROM_BREAKER, TO_BREAKER, TO_OVERRIDE, channel_asked
from services.ledger.rules.provider_states import Breaker, ProviderReport, State, channel_subject, provider_subject
from shared.channel.numbers import channel_of, number_of
from shared.channel.table import Channel
from shared.errors import Violation, invalid
from shared.times import from_timestamp, to_timestamp

#: A reason is kept up to so many characters.
_LONGEST_REASON = 512


def told(messages: Iterable[provider_pb2.ProviderState]) -> list[ProviderReport]:
    """What a worker says; without what names no provider or channel. A breaker it does not know yet counts as closed.

    Raises INVALID_ARGUMENT for a time that cannot be.
    """
    named = [(message, channel_of(message.channel)) for message in messages if message.provider]
    return [_told(message, channel) for message, channel in named if channel is not None]


def state(found: State) -> provider_pb2.ProviderState:
    return provider_pb2.ProviderState(
        provider=found.provider,
        channel=number_of(found.channel),
        breaker=TO_BREAKER[found.breaker],
        reason=found.reason,
        since=to_timestamp(found.since),
        override=TO_OVERRIDE[found.override],
        paused=found.paused,
        channel_paused=found.channel_paused,
        receipts_slow=found.receipts_slow,
        actor=found.actor,
    )


def subject(channel: int, provider: str) -> str:
    """What a pause is about. Raises INVALID_ARGUMENT unless exactly one of both is named."""
    named = channel_asked(channel, "channel")
    if (named is None) == (not provider):
        raise invalid([Violation("provider", "either a channel or a provider must be named")])
    return provider_subject(clean(provider)) if named is None else channel_subject(named)


def _told(message: provider_pb2.ProviderState, channel: Channel) -> ProviderReport:
    try:
        since = from_timestamp(message.since)
    except (ValueError, OverflowError):
        raise invalid([Violation("states.since", "must be a time between the years 1 and 9999")]) from None
    breaker = FROM_BREAKER.get(message.breaker, Breaker.CLOSED)
    reason = clean(message.reason, _LONGEST_REASON)
    return ProviderReport(clean(message.provider), channel, breaker, reason, since)
