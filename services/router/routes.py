"""Routes: by which providers a notification may go, and from when on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from services.router import refusals
from services.router.decisions import Decision

Routes = Mapping[str, Sequence[str]]


def parse_route(text: str) -> tuple[str, ...]:
    """Providers in order from ``"smtp,backup"``; a provider named twice is tried once."""
    return tuple(dict.fromkeys(text.split(",")))


def choose_route(channel: str, routes: Routes) -> Decision:
    """The providers of ``channel`` in the order in which they are tried; raises :class:`PulseError` if it has none."""
    if channel not in routes:
        raise refusals.no_route(channel)
    providers = routes[channel]
    reason = f"The only provider set for {channel}." if len(providers) == 1 else f"The order set for {channel}."
    return Decision("route", ", ".join(providers), reason)


def choose_start(send_at: dt.datetime | None, now: dt.datetime) -> Decision:
    """At once, or not before ``send_at`` if that is still to come."""
    if send_at is None:
        return Decision("schedule", "at once", "No later time was asked for.")
    if send_at <= now:
        return Decision("schedule", "at once", "The time asked for has come.")
    return Decision("schedule", f"{send_at:%Y-%m-%dT%H:%M:%S}Z", "The request asks not to be sent before.")
