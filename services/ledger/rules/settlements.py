"""What a settlement does to a delivery."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import NamedTuple

from services.ledger.rules import fallbacks
from services.ledger.rules.attempts import Ending, Next, ended, fail, overtaken, try_again, unanswered
from services.ledger.rules.changes import begin, failed_with, happen
from services.ledger.rules.delivery import NO_DEVICE, NO_FAILURE, Change, Delivery, Outcome, Ref
from services.ledger.rules.devices import DeviceAttempt, Devices, parted
from services.ledger.rules.recipients import Rejection
from services.ledger.rules.retries.hand_backs import hand_back
from services.ledger.rules.retry import Cause, Random, RetryPolicies
from services.ledger.rules.states import Status


class Settlement(NamedTuple):
    """How an attempt ended, in a worker's words."""

    ref: Ref
    fence: int
    ending: Ending
    #: Seconds for which the provider asked not to be called again.
    retry_after: float = 0.0
    #: The provider's word on the address, beyond this attempt.
    rejection: Rejection | None = None
    #: What a transient failure is about.
    cause: Cause = Cause.PROVIDER
    #: Of an attempt to several devices, how it ended for each; the fields above say it of all together.
    devices: Sequence[DeviceAttempt] = ()

    @property
    def rejects(self) -> bool:
        """Whether a provider said something lasting of an address."""
        return self.rejection is not None or any(one.rejection is not None for one in self.devices)


def decide(
    delivery: Delivery,
    settlement: Settlement,
    now: dt.datetime,
    policies: RetryPolicies,
    random: Random,
    another_device: bool | None = None,
) -> Change | None:
    """The change that the settlement makes; None if its fence is stale or the attempt is settled already.

    ``another_device``: for a push whose device cannot be reached, whether it can go to another, which is tried at once.
    """
    if delivery.status is not Status.SENDING or delivery.fence != settlement.fence:
        return None
    if settlement.devices:
        return _decide_devices(delivery, settlement, now, policies, random, another_device)
    ending = settlement.ending
    if ending.outcome is Outcome.PERMANENT_FAILURE and delivery.device_token_id is not None:
        delivery = delivery._replace(refused_devices=[*delivery.refused_devices, delivery.device_token_id])
    change = overtaken(delivery, ending, now)
    if change is not None:
        return change
    match ending.outcome:
        case Outcome.SUCCEEDED:
            return _sent(delivery, ending, now)
        case Outcome.PERMANENT_FAILURE if another_device:
            return try_again(_one_more(delivery), ending, Next(now, delivery.route_index), now)
        case Outcome.PERMANENT_FAILURE if another_device is False and settlement.rejection is Rejection.GONE:
            return fail(delivery, Status.FAILED, ending._replace(failure=NO_DEVICE), now)
        case Outcome.PERMANENT_FAILURE:
            return fail(delivery, Status.FAILED, ending, now)
        case Outcome.RELEASED:
            return _handed_back(delivery, settlement, ending, now, policies, random)
        case Outcome.TRANSIENT_FAILURE:
            return try_again(delivery, ending, _following(delivery, settlement, now, policies, random), now)
        case Outcome.UNSPECIFIED:
            return None
        case Outcome.UNANSWERED:
            return unanswered(delivery, ending, _following(delivery, settlement, now, policies, random), now)


def _decide_devices(
    delivery: Delivery,
    settlement: Settlement,
    now: dt.datetime,
    policies: RetryPolicies,
    random: Random,
    another_device: bool | None,
) -> Change:
    """What an attempt to several devices makes of it: it goes on to those that may still succeed, and to no other."""
    attempts = settlement.devices
    devices = parted(attempts, delivery.guarantee)
    in_words = f"did not reach {len(attempts) - devices.reached} of {len(attempts)} devices"
    stored = [one.stored() for one in attempts]
    ending = settlement.ending._replace(devices=stored, in_words=in_words)
    delivery = devices.remembered(delivery, now)
    change = overtaken(delivery, ending, now)
    if change is not None:
        return change
    if all(one.outcome is Outcome.RELEASED for one in attempts):
        return _handed_back(delivery, settlement, ending, now, policies, random)
    if devices.left:
        following = _following_devices(delivery, settlement, devices, now, policies, random)
        delivery = delivery._replace(provider=following.provider or delivery.provider)
        return try_again(_one_more(delivery) if devices.makes_way else delivery, ending, following, now)
    if delivery.secured is Status.SENT:
        return _sent(delivery, ending, now)
    if devices.all_lost and another_device:
        return try_again(_one_more(delivery), ending, Next(now, delivery.route_index), now)
    if devices.all_lost and another_device is False and all(one.gone for one in attempts):
        ending = ending._replace(failure=NO_DEVICE)
    return fail(delivery, Status.FAILED, ending, now)


def _following_devices(
    delivery: Delivery,
    settlement: Settlement,
    devices: Devices,
    now: dt.datetime,
    policies: RetryPolicies,
    random: Random,
) -> Next:
    """As :func:`_following`, by what became of those that are left; at once where they were only not called in time."""
    called = [one for one in devices.left if one.outcome is not Outcome.RELEASED]
    asked = max(one.retry_after for one in called or devices.left)
    if not called:
        asked = min(max(asked, 0.0), policies.of(delivery.channel, delivery.provider).longest_retry_after)
        return Next(now + dt.timedelta(seconds=asked), delivery.route_index)
    unsure = next((one for one in called if one.outcome is Outcome.UNANSWERED), None)
    one = unsure or called[0]
    assert one.outcome is not None  # noqa: S101 -- it ended
    alike = Settlement(settlement.ref, settlement.fence, Ending(one.outcome), asked, cause=one.cause)
    if len({each.provider for each in settlement.devices}) == 1:
        return _following(delivery, alike, now, policies, random)
    # Each kind of device has a route of its own: all wait, and the next claim sees which may be called for each.
    alone = delivery._replace(route=[one.provider], route_index=0, provider=one.provider)
    following = _following(alone, alike, now, policies, random)
    return following._replace(route_index=delivery.route_index, provider=one.provider)


def _one_more(delivery: Delivery) -> Delivery:
    """With an attempt more: what was said of one device says nothing about the others, so each of them has all."""
    return delivery._replace(attempt_limit=delivery.attempt_limit + 1)


def _handed_back(
    delivery: Delivery,
    settlement: Settlement,
    ending: Ending,
    now: dt.datetime,
    policies: RetryPolicies,
    random: Random,
) -> Change:
    longest = policies.of(delivery.channel, delivery.provider).longest_retry_after
    asked = min(max(settlement.retry_after, 0.0), longest)
    return hand_back(delivery, ending, asked, policies.hand_backs, now, random)


def _sent(delivery: Delivery, ending: Ending, now: dt.datetime) -> Change:
    return happen(
        begin(delivery),
        ended(delivery, Status.SENT, ending),
        now,
        sent_at=delivery.sent_at or now,
        provider_message_id=delivery.provider_message_id if delivery.secured else ending.provider_message_id,
        **failed_with(NO_FAILURE),
    )


def _following(
    delivery: Delivery, settlement: Settlement, now: dt.datetime, policies: RetryPolicies, random: Random
) -> Next:
    """The next provider of the route: at once if this one refused and not all have been tried, else after the back-off.

    Without an answer there is a wait before the next provider too: the one that was called may yet report. Those that
    asked not to be called again yet are passed over; where all did, the first that may be called is waited for.
    """
    providers = len(delivery.route)
    falls_back = fallbacks.pending(delivery) is not None
    policy = policies.after(delivery.channel, delivery.provider, settlement.cause, falls_back=falls_back)
    asked = min(settlement.retry_after, policy.longest_retry_after)
    until = now + dt.timedelta(seconds=asked) if asked > 0 else None
    rests = delivery.rests if until is None else {**delivery.rests, delivery.provider: until}
    if settlement.ending.outcome is Outcome.TRANSIENT_FAILURE:
        for route_index in range(delivery.route_index + 1, providers):
            if rests.get(delivery.route[route_index], now) <= now:
                return Next(now, route_index, until)
    number = delivery.attempt - (delivery.attempt_limit - delivery.max_attempts)
    rounds = (number - 1) // providers + 1
    left = math.inf if delivery.expires_at is None else (delivery.expires_at - now).total_seconds()
    ready_at = now + dt.timedelta(seconds=policy.delay(rounds, random, settlement.retry_after, left))
    order = [(delivery.route_index + step) % providers for step in range(1, providers + 1)]
    return min(
        (Next(max(ready_at, rests.get(delivery.route[one], ready_at)), one, until) for one in order),
        key=lambda following: following.ready_at,
    )
