"""Protobuf to and from what the router's rules speak of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from pulse.common.v1.asked_pb2 import Asked
from pulse.common.v1.enums_pb2 import Status
from pulse.common.v1.limit_pb2 import Limit as LimitMessage
from pulse.common.v1.limit_pb2 import QuotaState
from pulse.common.v1.notification_pb2 import Decision as DecisionMessage
from pulse.ledger.v1.ledger_service_pb2 import RecordRequest
from pulse.ledger.v1.records_pb2 import Entry, KeyUse, RecordResult, RoutedFallback
from pulse.router.v1.router_service_pb2 import Submission, SubmitResult
from services.router.rules import refusals
from services.router.rules.applicable_limits import ChannelAddress
from services.router.rules.decisions import Decision
from services.router.rules.limit_book import LimitOverride
from services.router.rules.provider_rates import Rate
from services.router.rules.quota import Kind, LimitState, WindowLimit
from services.router.rules.routes import Routes, draw_firsts
from services.router.rules.rulings import Facts, Ruling
from shared.channel.numbers import channel_of
from shared.errors import PulseError
from shared.lane.numbers import lane_of, priority_of
from shared.rpc.statuses import to_status
from shared.times import from_duration, from_timestamp, to_duration


def facts(submission: Submission, addresses: Sequence[ChannelAddress], routes: Routes) -> Facts:
    """What the rules look at in a submission that may go to ``addresses``.

    Raises :class:`PulseError` for a time that cannot be, and for a channel that has no route or stands twice.
    """
    channels = tuple([to.channel for to in addresses])
    for number, channel in enumerate(channels):
        if channel in channels[:number]:
            raise refusals.channel_repeated(number - 1)
    return Facts(
        channels=channels,
        firsts=draw_firsts(channels, routes, submission.notification_id),
        requested=lane_of(submission.requested_priority),
        template=lane_of(submission.template_priority),
        template_name=submission.asked.template_name,
        send_at=_send_at(submission.asked),
    )


def addresses(submission: Submission) -> list[ChannelAddress]:
    """The channels it may go by and where to, its own first.

    Raises :class:`PulseError` where none is said, or one that is newer than this release.
    """
    asked = submission.asked
    return [_address(asked.channel, asked.to), *[_address(one.channel, one.to) for one in asked.fallbacks]]


def _address(number: int, to: str) -> ChannelAddress:
    channel = channel_of(number)
    if channel is None:
        raise refusals.no_route()
    return ChannelAddress(channel, to)


def _send_at(asked: Asked) -> dt.datetime | None:
    if not asked.HasField("send_at"):
        return None
    try:
        return from_timestamp(asked.send_at)
    except (ValueError, OverflowError):
        raise refusals.impossible_time("send_at") from None


def decided(ruling: Ruling, said: Iterable[Decision], max_attempts: int) -> bytes:
    """The part of an entry that says what was decided, marshalled: for all of which the same was decided."""
    return Entry(
        lane=priority_of(ruling.lane),
        route=ruling.routes[0],
        decisions=[DecisionMessage(rule=one.rule, result=one.result, reason=one.reason) for one in said],
        max_attempts=max_attempts,
    ).SerializeToString()


def add_entry(to: RecordRequest, submission: Submission, ruling: Ruling, decided: bytes) -> Entry:
    """Has the ledger record ``submission``, too: the entry that was added."""
    asked = submission.asked
    entry = to.entries.add(fingerprint=submission.fingerprint)
    entry.ref.tenant_id = submission.tenant_id
    entry.ref.notification_id = submission.notification_id
    entry.traceparent = submission.traceparent
    entry.asked.CopyFrom(asked)
    if submission.decisions:
        entry.decisions.extend(submission.decisions)
    entry.MergeFromString(decided)
    if not ruling.due:
        entry.not_before.CopyFrom(asked.send_at)
    if len(ruling.routes) > 1:
        entry.fallbacks.extend(_routed_fallbacks(asked, ruling))
    return entry


def _routed_fallbacks(asked: Asked, ruling: Ruling) -> list[RoutedFallback]:
    return [
        RoutedFallback(channel=one.channel, to=one.to, route=route, after=one.after if one.HasField("after") else None)
        for one, route in zip(asked.fallbacks, ruling.routes[1:], strict=True)
    ]


def key_use(submission: Submission) -> KeyUse:
    """The submission's idempotency key, to be looked up."""
    return KeyUse(
        tenant_id=submission.tenant_id,
        idempotency_key=submission.asked.idempotency_key,
        fingerprint=submission.fingerprint,
    )


def is_known(found: RecordResult) -> bool:
    """Whether a key that was looked up has been used."""
    return bool(found.notification_id) or found.HasField("error")


def result(outcome: RecordResult | PulseError) -> SubmitResult:
    """What the caller is told."""
    if isinstance(outcome, PulseError):
        return SubmitResult(error=to_status(outcome))
    if outcome.HasField("error"):
        return SubmitResult(error=outcome.error)
    return SubmitResult(notification_id=outcome.notification_id, status=outcome.status, replayed=outcome.replayed)


def replay(found: RecordResult, *, with_id: bool) -> SubmitResult:
    """The first answer to a known key, or the error if it was used for something else."""
    answer = result(found)
    if not answer.HasField("error"):
        answer.replayed = True
        answer.notification_id = found.notification_id if with_id else ""
    return answer


def would_be(due: bool) -> SubmitResult:
    """What a submission that is only validated would become."""
    return SubmitResult(status=Status.QUEUED if due else Status.SCHEDULED)


def quota(state: LimitState) -> QuotaState:
    """Where the caller stands in a limit."""
    limit = state.bound.limit
    return QuotaState(
        name=state.bound.kind.value,
        amount=limit.count,
        window=to_duration(limit.seconds),
        remaining=state.remaining,
        reset=to_duration(state.reset) if state.remaining < limit.count else None,
    )


_KINDS = {LimitMessage.Kind.Value(kind.name): kind for kind in Kind}


def overrides(limits: Iterable[LimitMessage]) -> list[LimitOverride]:
    """The limits that admission keeps; what draws from the ledger keeps the others."""
    named = ((_KINDS.get(one.kind), one) for one in limits)
    return [LimitOverride(one.tenant_id, kind, one.subject, one.amount, _limit(one)) for kind, one in named if kind]


def provider_rates(limits: Iterable[LimitMessage]) -> dict[str, Rate]:
    """The limits of providers, which dispatch keeps."""
    providers = (one for one in limits if one.kind == LimitMessage.Kind.PROVIDER and one.HasField("window"))
    return {one.subject: Rate(one.amount, from_duration(one.window)) for one in providers}


def _limit(limit: LimitMessage) -> WindowLimit | None:
    return WindowLimit(limit.amount, from_duration(limit.window)) if limit.HasField("window") else None
