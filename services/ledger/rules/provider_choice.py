"""Which provider of its route a delivery's next attempt goes to. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from services.ledger.rules.delivery import Delivery
from services.ledger.rules.provider_states import (
    NO_CONTROL,
    NO_CONTROLS,
    BreakerOverride,
    Controls,
    channel_subject,
    keep_any_shut,
    provider_subject,
)
from services.ledger.rules.retry import Random
from services.ledger.rules.states import Status
from shared.channel.device_kinds import DeviceKind

#: So many of those meant for a provider whose receipts are slow go to it all the same: how else to see it recover.
PROBES = 0.05
#: Where all but those tried a moment ago are shut, a retry that need not wait does not go round so soon again.
_ROUND = dt.timedelta(seconds=2)


class Providers(NamedTuple):
    """What is known of providers at a claim."""

    #: Those the worker must not call.
    avoided: frozenset[str] = frozenset()
    controls: Controls = NO_CONTROLS
    #: Those whose receipts are slow.
    slow: frozenset[str] = frozenset()
    #: Tenants with those that the worker must not call for them.
    avoided_for: frozenset[tuple[str, str]] = frozenset()

    @property
    def all_open(self) -> bool:
        """True if none is shut or slow: then each delivery goes to the provider whose turn it is."""
        return not (self.avoided or self.avoided_for or self.slow or keep_any_shut(self.controls))

    def obstacle(self, provider: str, tenant_id: str) -> Obstacle | None:
        """Why ``provider`` may not be called for a tenant; None: it may."""
        control = self.controls.get(provider_subject(provider), NO_CONTROL)
        if control.paused:
            return Obstacle("pause", f"{provider} is paused")
        if control.override is BreakerOverride.FORCED_OPEN:
            return Obstacle("breaker", f"{provider} is forced open")
        if control.override is BreakerOverride.FORCED_CLOSED:
            return None
        if provider in self.avoided:
            return Obstacle("breaker", f"{provider} fails too often")
        if (tenant_id, provider) in self.avoided_for:
            return Obstacle("breaker", f"{provider} fails too often for this tenant")
        return None


class Obstacle(NamedTuple):
    """What keeps a provider from being called."""

    #: "pause", "breaker" or "retry".
    rule: str
    reason: str


class Choice(NamedTuple):
    """The provider's place in the route, and why it is not the one whose turn it was."""

    route_index: int
    decisions: tuple[Mapping[str, str], ...] = ()


ANY = Providers()


def choose(delivery: Delivery, providers: Providers, now: dt.datetime, random: Random) -> Choice | Obstacle:
    """The first provider of the route that may be called, beginning with the one whose turn it is, and round."""
    if providers.all_open:
        return Choice(delivery.route_index)  # as nearly always; whose turn it is did not ask to be left alone
    if providers.controls.get(channel_subject(delivery.channel), NO_CONTROL).paused:
        return Obstacle("pause", f"{delivery.channel} is paused")
    count = len(delivery.route)
    order = [(delivery.route_index + step) % count for step in range(count)]
    obstacles = {index: _obstacle(delivery, delivery.route[index], providers, now) for index in order}
    usable = [index for index in order if obstacles[index] is None]
    if not usable or (usable[0] < delivery.route_index and _is_too_soon(delivery, now)):
        return _first(obstacles)
    index = usable[0]
    if delivery.route[index] in providers.slow and random() >= PROBES:
        index = next((one for one in usable if delivery.route[one] not in providers.slow), index)
    return Choice(index, _decisions(delivery, index, usable[0], obstacles))


def _obstacle(delivery: Delivery, provider: str, providers: Providers, now: dt.datetime) -> Obstacle | None:
    """Why this delivery may not be given to ``provider``; None: it may."""
    obstacle = providers.obstacle(provider, delivery.tenant_id)
    until = delivery.rests.get(provider, now)
    if obstacle is None and until > now:
        return Obstacle("retry", f"{provider} asked not to be called before {until:%Y-%m-%dT%H:%M:%SZ}")
    return obstacle


def _is_too_soon(delivery: Delivery, now: dt.datetime) -> bool:
    last = delivery.last_attempt_at
    return delivery.status is Status.RETRYING and last is not None and abs(now - last) < _ROUND


def _first(obstacles: Mapping[int, Obstacle | None]) -> Obstacle:
    """The first there is; there is one."""
    return next(one for one in obstacles.values() if one is not None)


def _decisions(
    delivery: Delivery, index: int, first: int, obstacles: Mapping[int, Obstacle | None]
) -> tuple[Mapping[str, str], ...]:
    provider = delivery.route[index]
    if index != first:
        reason = f"receipts of {delivery.route[first]} are slow"
        return ({"rule": "route", "result": provider, "reason": reason},)
    if index != delivery.route_index:
        obstacle = _first(obstacles)
        return ({"rule": obstacle.rule, "result": provider, "reason": obstacle.reason},)
    return ()


def narrowed(delivery: Delivery, kind: DeviceKind, *, own: bool) -> Delivery:
    """``delivery`` with only those providers in its route that serve devices of ``kind``, beginning where it does.

    Where none is, with the kind's own provider if ``own``, else as it is.
    """
    served = [kind.served_by(provider) for provider in delivery.route]
    if all(served):
        return delivery
    route = [provider for provider, serves in zip(delivery.route, served, strict=True) if serves]
    if not route:
        return delivery._replace(route=[kind.provider], route_index=0) if own else delivery
    return delivery._replace(route=route, route_index=sum(served[: delivery.route_index]) % len(route))
