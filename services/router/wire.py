"""Protobuf to and from what the router's rules speak of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from pulse.common.v1.enums_pb2 import Channel, Priority, Status
from pulse.common.v1.notification_pb2 import Decision as DecisionMessage
from pulse.ledger.v1.records_pb2 import Entry, KeyUse, NotificationRef, RecordResult
from pulse.router.v1.router_service_pb2 import Submission, SubmitResult
from services.router import refusals
from services.router.decisions import Decision
from services.router.lanes import Lane
from services.router.rulings import Facts, Ruling
from shared.errors import PulseError, to_status
from shared.times import from_timestamp

_LANES = {Priority.HIGH: Lane.HIGH, Priority.LOW: Lane.LOW}
_CHANNELS = {number: name for name, number in Channel.items()}
_PRIORITIES = {lane: priority for priority, lane in _LANES.items()}


def facts(submission: Submission) -> Facts:
    """What the rules look at; raises :class:`PulseError` for a time that cannot be."""
    return Facts(
        channel=_CHANNELS.get(submission.channel, "CHANNEL_UNSPECIFIED"),
        requested=_LANES.get(submission.requested_priority),
        template=_LANES.get(submission.template_priority),
        template_name=submission.template_name,
        send_at=_send_at(submission),
    )


def _send_at(submission: Submission) -> dt.datetime | None:
    if not submission.HasField("send_at"):
        return None
    try:
        return from_timestamp(submission.send_at)
    except (ValueError, OverflowError):
        raise refusals.impossible_time("send_at") from None


def decisions(decided: Iterable[Decision]) -> list[DecisionMessage]:
    """As the timeline keeps them."""
    return [DecisionMessage(rule=one.rule, result=one.result, reason=one.reason) for one in decided]


def entry(
    submission: Submission,
    ruling: Ruling,
    decided: Sequence[DecisionMessage],
    max_attempts: int,
) -> Entry:
    """What the ledger is to record for ``submission``."""
    return Entry(
        ref=NotificationRef(tenant_id=submission.tenant_id, notification_id=submission.notification_id),
        user_id=submission.user_id,
        template_name=submission.template_name,
        template_version=submission.template_version,
        channel=submission.channel,
        to=submission.to,
        subject=submission.subject,
        context_json=submission.context_json,
        idempotency_key=submission.idempotency_key,
        fingerprint=submission.fingerprint,
        lane=_PRIORITIES[ruling.lane],
        route=ruling.route,
        not_before=None if ruling.due else submission.send_at,
        expires_at=submission.expires_at if submission.HasField("expires_at") else None,
        locale=submission.locale,
        metadata=submission.metadata,
        delivery_guarantee=submission.delivery_guarantee,
        traceparent=submission.traceparent,
        decisions=decided,
        category=submission.category,
        max_attempts=max_attempts,
    )


def key_use(submission: Submission) -> KeyUse:
    """The submission's idempotency key, to be looked up."""
    return KeyUse(
        tenant_id=submission.tenant_id,
        idempotency_key=submission.idempotency_key,
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
