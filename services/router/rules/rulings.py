"""Rulings: what the rules say about a submission before anything outside is asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from services.router.rules.decisions import Decision
from services.router.rules.lane_choice import choose_lane
from services.router.rules.provider_rates import ProviderRates
from services.router.rules.routes import Routes, choose_route, choose_start
from shared.channel.table import Channel
from shared.lane.names import Lane


@dataclass(frozen=True, slots=True)
class Facts:
    """All of a submission that the rules look at.

    ``channels`` are its own and then those of its fallbacks; ``firsts`` tells which provider each begins with.
    """

    channels: tuple[Channel, ...]
    firsts: tuple[int, ...]
    requested: Lane | None
    template: Lane | None
    template_name: str
    send_at: dt.datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class Ruling:
    """Lane, routes and time, with the reasons. Equal only to itself: a batch shares one where facts agree."""

    lane: Lane
    routes: tuple[tuple[str, ...], ...]  # its own channel's, then those of its fallbacks
    due: bool
    decided: tuple[Decision, ...]


def rule(facts: Facts, routes: Routes, rates: ProviderRates, now: dt.datetime) -> Ruling:
    """Applies all rules; every channel has a route."""
    lane = choose_lane(facts.requested, facts.template, facts.template_name)
    chosen = [(channel, routes[channel], first) for channel, first in zip(facts.channels, facts.firsts, strict=True)]
    decided = [choose_route(*one, is_fallback=number > 0) for number, one in enumerate(chosen)]
    turns = _turns([route.providers[first] for _, route, first in chosen], rates)
    return Ruling(
        lane=Lane(lane.result),
        routes=tuple(route.beginning_with(first) for _, route, first in chosen),
        due=facts.send_at is None or facts.send_at <= now,
        decided=(lane, *decided, choose_start(facts.send_at, now), *turns),
    )


def _turns(firsts: Sequence[str], rates: ProviderRates) -> list[Decision]:
    """Which providers are given only so many: what goes to them first may have to wait for its turn."""
    bounds = [(provider, rates.bound(provider)) for provider in firsts]
    return [
        Decision("limit", "in turn", f"At most {rate} are given to {provider}; what is above waits.")
        for provider, rate in bounds
        if rate
    ]
