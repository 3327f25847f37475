"""Routes: by which providers a notification may go, and from when on."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from services.router.rules.decisions import Decision
from shared.channel.provider_names import PATTERN
from shared.channel.table import Channel

_PART = re.compile(rf"({PATTERN})(?::(\d{{1,4}}))?")


@dataclass(frozen=True, slots=True)
class Route:
    """A channel's providers in order. With ``weights``, one for each, the first is drawn by weight."""

    providers: tuple[str, ...]
    weights: tuple[int, ...] = ()

    def draw(self, notification_id: str) -> int:
        """Which provider comes first: the same one however often it is drawn for one notification."""
        if not self.weights:
            return 0
        digest = hashlib.blake2b(notification_id.encode(), digest_size=8).digest()
        drawn = int.from_bytes(digest) % sum(self.weights)
        return next(index for index, bound in enumerate(accumulate(self.weights)) if drawn < bound)

    def beginning_with(self, first: int) -> tuple[str, ...]:
        """All providers: that one, then the rest in their order."""
        return (self.providers[first], *self.providers[:first], *self.providers[first + 1 :])


Routes = Mapping[Channel, Route]


def parse_route(text: str) -> Route:
    """From ``"smtp,backup"`` (in this order) or ``"smtp:3,ses:1"`` (by weight; one without has 1).

    A provider named twice counts once. Raises ValueError with a sentence.
    """
    weights: dict[str, int | None] = {}
    for part in text.split(","):
        found = _PART.fullmatch(part)
        if not found:
            raise ValueError(f'{part!r} is not a provider, with a weight or without, as in "smtp:3,ses:1"')
        name, weight = found.groups()
        weights.setdefault(name, None if weight is None else int(weight))
    providers = tuple(weights)
    if all(weight is None for weight in weights.values()):
        return Route(providers)
    filled = tuple(1 if weight is None else weight for weight in weights.values())
    if not any(filled):
        raise ValueError("a route of which all weights are 0 has no first provider")
    return Route(providers, filled)


def draw_firsts(channels: Sequence[Channel], routes: Routes, notification_id: str) -> tuple[int, ...]:
    """For each channel which of its providers comes first."""
    return tuple([routes[channel].draw(notification_id) for channel in channels])


def choose_route(channel: Channel, route: Route, first: int, *, is_fallback: bool = False) -> Decision:
    """The providers in the order in which they are tried, and why."""
    if len(route.providers) == 1:
        reason = f"The only provider set for {channel}."
    elif route.weights:
        weights = zip(route.providers, route.weights, strict=True)
        shares = ", ".join(f"{provider} {weight}" for provider, weight in weights)
        reason = f"The first is drawn by the weights set for {channel} ({shares}); the rest follow in their order."
    else:
        reason = f"The order set for {channel}."
    providers = ", ".join(route.beginning_with(first))
    if is_fallback:
        return Decision("route", f"{channel}: {providers}", f"For the fallback to {channel}. {reason}")
    return Decision("route", providers, reason)


def choose_start(send_at: dt.datetime | None, now: dt.datetime) -> Decision:
    """At once, or not before ``send_at`` if that is still to come."""
    if send_at is None:
        return Decision("schedule", "at once", "No later time was asked for.")
    if send_at <= now:
        return Decision("schedule", "at once", "The time asked for has come.")
    return Decision("schedule", f"{send_at:%Y-%m-%dT%H:%M:%S}Z", "The request asks not to be sent before.")
