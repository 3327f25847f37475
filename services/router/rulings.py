"""Rulings: what the rules say about a submission before anything outside is asked."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from services.router.decisions import Decision
from services.router.lanes import Lane, choose_lane
from services.router.routes import Routes, choose_route, choose_start


@dataclass(frozen=True, slots=True)
class Facts:
    """All of a submission that the rules look at."""

    channel: str
    requested: Lane | None
    template: Lane | None
    template_name: str
    send_at: dt.datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class Ruling:
    """Lane, route and time, with the reasons. Equal only to itself: a batch shares one where facts agree."""

    lane: Lane
    route: tuple[str, ...]
    due: bool
    decided: tuple[Decision, ...]


def rule(facts: Facts, routes: Routes, now: dt.datetime) -> Ruling:
    """Applies all rules; raises :class:`shared.errors.PulseError` if no provider serves the channel."""
    lane = choose_lane(facts.requested, facts.template, facts.template_name)
    route = choose_route(facts.channel, routes)
    start = choose_start(facts.send_at, now)
    return Ruling(
        lane=Lane(lane.result),
        route=tuple(routes[facts.channel]),
        due=facts.send_at is None or facts.send_at <= now,
        decided=(lane, route, start),
    )
