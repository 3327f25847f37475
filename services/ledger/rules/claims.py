"""What a claim does to a delivery."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from services.ledger.rules import deferrals, fallbacks
from services.ledger.rules.attempts import Ending, Next, overtaken, unanswered
from services.ledger.rules.changes import begin, expire, happen, in_time
from services.ledger.rules.delivery import Change, Delivery, Event, Failure, Guarantee, Kind, Lane, Outcome
from services.ledger.rules.devices import DeviceAttempt, LiveDevice
from services.ledger.rules.provider_choice import ANY, Choice, Obstacle, Providers, choose, narrowed
from services.ledger.rules.recipient_rules import Decision, decision
from services.ledger.rules.retry import Random, RetryPolicy
from services.ledger.rules.states import WAITING, Status
from shared.channel.device_kinds import DeviceKind

#: Recorded when a worker neither settled nor came back.
LEASE_EXPIRED = Ending(Outcome.UNANSWERED, Failure("LEASE_EXPIRED", "the worker did not settle before its lease ended"))
#: The same of what was lost in the attempt before: it may be what ends its workers.
LOST_AGAIN = Ending(
    Outcome.UNANSWERED, Failure("LEASE_EXPIRED_AGAIN", "neither this worker nor the one before settled it in time")
)
#: What was lost again and again waits before each further attempt. The waits are long and random enough to part what
#: ends its workers from what was only with it in their hands.
AFTER_LOSSES = RetryPolicy(base=8.0, cap=300.0, growth=4.0)
#: For the same reason so many of these at the most are given out by one claim: fewer of those that have few attempts
#: left, and one alone for its last. The others are looked at a moment later, s.
SUSPECTS = 12
STANDING_ASIDE = 2.0


#: What the recipient wants of a delivery that could be attempted now: a change that ends it, puts it off or moves it
#: on; None: nothing stands against it.
Gate = Callable[[Change], Change | None]


class Claim(NamedTuple):
    """Who claims, until when, and what is known of providers."""

    worker: str
    lease_until: dt.datetime
    providers: Providers = ANY
    random: Random = lambda: 0.0
    #: Providers that are called only for what was drawn for them.
    bounded: frozenset[str] = frozenset()
    #: The registered devices that it goes to; None: it goes by an address.
    devices: Callable[[Delivery], Sequence[LiveDevice] | None] = lambda _: None
    #: The worker takes several devices of one notification.
    several: bool = False
    #: Of which kinds the devices are that it goes to; empty: it goes to none.
    kinds: Callable[[Delivery], frozenset[DeviceKind]] = lambda _: frozenset()


def open_gate(_: Change) -> None:
    """Recipients want everything."""


def decide(delivery: Delivery, claim: Claim, now: dt.datetime, gate: Gate = open_gate) -> Change | None:
    """A change to SENDING, to an end that was overdue, or to wait on; None: not to be had now."""
    change = begin(delivery)
    if delivery.status is Status.SENDING:
        change = _lost(delivery, claim, now) or change
    change = _overdue(change, now)
    if change.delivery.status not in WAITING or _not_yet(change.delivery, now):
        return _made(change, delivery)
    wanted = gate(change)
    while wanted is not None:
        if wanted.delivery.fallback_index == change.delivery.fallback_index:
            return wanted
        change, wanted = wanted, gate(wanted)
    change = _narrowed(change, claim)
    way = _way(change.delivery, claim, now)
    if isinstance(way, Obstacle):
        return deferrals.look_again(change, way, now)
    if way.provider in claim.bounded:
        if change.delivery is not delivery or way.choice.route_index != delivery.route_index:
            # It was drawn for another provider, or for another reason than to be sent.
            return deferrals.wait_for_draw(change, way.choice, now)
        if not delivery.drawn:
            return None
    return _start(change, claim, way, now)


def may_be_first(delivery: Delivery) -> bool:
    """Whether it may be claimed with its recording, for a worker that it may never reach: as what is lost on the way
    cannot be told from what was sent, that is not for what may be sent but once.
    """
    fresh = delivery.status is Status.QUEUED and delivery.fence == 0
    return fresh and delivery.lane is Lane.HIGH and delivery.guarantee is Guarantee.AT_LEAST_ONCE


def goes_straight(delivery: Delivery) -> bool:
    """Whether it is being sent by the first provider of its first channel, so that nothing stands in its way."""
    return delivery.status is Status.SENDING and delivery.route_index == 0 and delivery.fallback_index == 0


def suspicion(delivery: Delivery) -> int:
    """How much it takes of :data:`SUSPECTS`: 0 unless it waits after two workers in a row did not come back from it."""
    if delivery.status not in WAITING or delivery.losses < 2:
        return 0
    left = delivery.attempt_limit - delivery.attempt
    return SUSPECTS if left == 1 else SUSPECTS // 3 if left == 2 else 1


def stand_aside(delivery: Delivery, now: dt.datetime, random: Random) -> Change:
    """To be looked at in a moment; nobody has to know of it."""
    due_at = now + dt.timedelta(seconds=STANDING_ASIDE * (1.0 + random()) / 2)
    return Change(in_time(delivery._replace(due_at=due_at, drawn=False)), ())


def decide_expiry(delivery: Delivery, now: dt.datetime) -> Change | None:
    """What the time to live of a delivery that no worker holds means, once it is over; None: it goes on."""
    return _made(_overdue(begin(delivery), now), delivery)


def _overdue(change: Change, now: dt.datetime) -> Change:
    """EXPIRED, or on to the next channel, if its time has come."""
    if change.delivery.status in WAITING and change.delivery.expired(now):
        return expire(change, now)
    return fallbacks.when_due(change, now)


def _made(change: Change, delivery: Delivery) -> Change | None:
    return None if change.delivery is delivery else change


def _lost(delivery: Delivery, claim: Claim, now: dt.datetime) -> Change | None:
    """What an expired lease means; None while it lasts. The provider is kept: the worker failed, not the provider."""
    if delivery.lease_until is None or delivery.lease_until > now:
        return None
    ending, wait = LEASE_EXPIRED, 0.0
    if delivery.losses:
        number = delivery.attempt - (delivery.attempt_limit - delivery.max_attempts)
        left = math.inf if delivery.expires_at is None else (delivery.expires_at - now).total_seconds()
        ending, wait = LOST_AGAIN, AFTER_LOSSES.delay(max(number - 1, 1), claim.random, left=left)
    ending = ending._replace(losses=delivery.losses + 1)
    following = Next(now + dt.timedelta(seconds=wait), delivery.route_index)
    return overtaken(delivery, ending, now) or unanswered(delivery, ending, following, now)


def _not_yet(delivery: Delivery, now: dt.datetime) -> bool:
    # QUEUED is due whatever the clock says: another ledger's clock may be a little ahead of this one.
    return delivery.status is not Status.QUEUED and delivery.ready_at > now


class _Way(NamedTuple):
    """By which provider an attempt goes."""

    choice: Choice
    provider: str
    #: Where its devices are of several kinds, by which each of these, and whether that must not be called now.
    by_kind: Mapping[DeviceKind, tuple[str, bool]] = MappingProxyType({})


def _narrowed(change: Change, claim: Claim) -> Change:
    """With the route that is left for the devices that it goes to, if they are of one kind."""
    delivery, kinds = change.delivery, claim.kinds(change.delivery)
    if len(kinds) != 1:
        return change
    (kind,) = kinds
    following = narrowed(delivery, kind, own=claim.devices(delivery) is not None)
    return change if following is delivery else Change(following, change.events)


def _way(delivery: Delivery, claim: Claim, now: dt.datetime) -> _Way | Obstacle:
    """For devices of several kinds, each kind by its own provider, as far as that may be called."""
    kinds = claim.kinds(delivery)
    if len(kinds) < 2:
        choice = choose(delivery, claim.providers, now, claim.random)
        return choice if isinstance(choice, Obstacle) else _Way(choice, delivery.route[choice.route_index])
    by_kind: dict[DeviceKind, tuple[str, bool]] = {}
    obstacles: list[Obstacle] = []
    found: _Way | None = None
    for kind in sorted(kinds, key=[*DeviceKind].index):
        of_kind = narrowed(delivery, kind, own=True)
        choice = choose(of_kind, claim.providers, now, claim.random)
        if isinstance(choice, Obstacle):
            obstacles.append(choice)
            by_kind[kind] = of_kind.route[of_kind.route_index], True
            continue
        provider = of_kind.route[choice.route_index]
        by_kind[kind] = provider, False
        place = delivery.route.index(provider) if provider in delivery.route else delivery.route_index
        found = found or _Way(Choice(place, choice.decisions), provider)
    return obstacles[0] if found is None else found._replace(by_kind=by_kind)


def _start(change: Change, claim: Claim, way: _Way, now: dt.datetime) -> Change:
    delivery, choice = change.delivery, way.choice
    attempt, fence = delivery.attempt + 1, delivery.fence + 1
    told, device, meant = _towards(delivery, claim, way)
    event = Event(
        Kind.ATTEMPT_STARTED,
        Status.SENDING,
        attempt=attempt,
        fence=fence,
        provider=way.provider,
        lease_until=claim.lease_until,
        worker=claim.worker,
        decisions=(*choice.decisions, *told),
        devices=meant,
    )
    return happen(
        change,
        event,
        now,
        attempt=attempt,
        fence=fence,
        provider=way.provider,
        route_index=choice.route_index,
        due_at=claim.lease_until,
        lease_until=claim.lease_until,
        last_attempt_at=now,
        device_token_id=device,
    )


def _towards(
    delivery: Delivery, claim: Claim, way: _Way
) -> tuple[Sequence[Decision], str | None, Sequence[Mapping[str, Any]]]:
    """What is told of where it goes; the device that it goes to, if it is one; and all of them, if they are several.

    The only device that a user has is one: that is the usual case, and cheaper.
    """
    devices = claim.devices(delivery)
    if devices is None:
        return (), None, ()
    if not claim.several or (len(devices) == 1 and not delivery.refused_devices):
        device = devices[0].device_token_id
        return (decision("device", device, "it is the device registered last"),), device, ()
    told = decision("devices", str(len(devices)), "so many devices of the user may still take it")
    return (told,), None, [_meant(device, way).stored() for device in devices]


def _meant(device: LiveDevice, way: _Way) -> DeviceAttempt:
    provider, waits = way.by_kind.get(device.kind, (way.provider, False))
    return DeviceAttempt(device.device_token_id, provider, Outcome.RELEASED if waits else None)
