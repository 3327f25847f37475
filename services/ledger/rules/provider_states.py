"""How providers do, as all workers together see them, and what operators decided on them. Pure."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from services.ledger.rules.words import Word
from shared.channel.table import Channel


class Breaker(Word):
    """Whether a provider is called; from the best to the worst."""

    UNSPECIFIED = "UNSPECIFIED"
    CLOSED = "CLOSED"
    HALF_OPEN = "HALF_OPEN"
    OPEN = "OPEN"


class BreakerOverride(Word):
    """What an operator wants of a breaker."""

    UNSPECIFIED = "UNSPECIFIED"
    AUTOMATIC = "AUTOMATIC"
    FORCED_OPEN = "FORCED_OPEN"
    FORCED_CLOSED = "FORCED_CLOSED"


class ProviderReport(NamedTuple):
    """What one worker says of one provider."""

    provider: str
    channel: Channel
    breaker: Breaker
    #: In one sentence, without personal data.
    reason: str
    since: dt.datetime


class Control(NamedTuple):
    """What operators decided on a channel or a provider, and who did last."""

    paused: bool = False
    override: BreakerOverride = BreakerOverride.AUTOMATIC
    actor: str = ""
    updated_at: dt.datetime | None = None


#: By :func:`channel_subject` and :func:`provider_subject`; what is not in it, nobody decided on.
Controls = Mapping[str, Control]
NO_CONTROL = Control()
NO_CONTROLS: Controls = MappingProxyType({})


class State(NamedTuple):
    """One provider as it stands."""

    provider: str
    channel: Channel
    #: The worst that any worker sees, with that worker's reason, and since when it has been so.
    breaker: Breaker
    reason: str
    since: dt.datetime
    override: BreakerOverride
    paused: bool
    channel_paused: bool
    receipts_slow: bool
    #: Who last overrode, paused or resumed the provider or its channel.
    actor: str


_WORSE = {breaker: rank for rank, breaker in enumerate(Breaker)}


def channel_subject(channel: Channel) -> str:
    return f"channel/{channel}"


def provider_subject(provider: str) -> str:
    return f"provider/{provider}"


def keep_any_shut(controls: Controls) -> bool:
    """True if operators keep anything from being called."""
    return any(one.paused or one.override is BreakerOverride.FORCED_OPEN for one in controls.values())


def merge(told: Iterable[ProviderReport], controls: Controls, slow: Collection[str]) -> list[State]:
    """One state for each provider that is told of, by channel, then name."""
    by_provider: defaultdict[tuple[Channel, str], list[ProviderReport]] = defaultdict(list)
    for one in told:
        by_provider[one.channel, one.provider].append(one)
    return [_merged(by_provider[key], controls, key[1] in slow) for key in sorted(by_provider)]


def _merged(told: Sequence[ProviderReport], controls: Controls, slow: bool) -> State:
    # The first to see it so says why: it has seen the failures, others may have taken it over from there.
    worst = min(told, key=lambda one: (-_WORSE[one.breaker], one.since))
    own = controls.get(provider_subject(worst.provider), NO_CONTROL)
    channel = controls.get(channel_subject(worst.channel), NO_CONTROL)
    return State(
        worst.provider,
        worst.channel,
        worst.breaker,
        worst.reason,
        worst.since,
        own.override,
        own.paused,
        channel.paused,
        slow,
        _last_actor(own, channel),
    )


def _last_actor(*controls: Control) -> str:
    decided = [one for one in controls if one.updated_at is not None]
    return max(decided, key=lambda one: (one.updated_at, one.actor)).actor if decided else ""
