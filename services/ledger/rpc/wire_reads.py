"""Protobuf to what the ledger works with, and back: what is read."""

from __future__ import annotations

from collections.abc import Iterable

from pulse.common.v1 import notification_filter_pb2, notification_pb2
from pulse.common.v1.asked_pb2 import Asked
from pulse.ledger.v1 import ledger_reader_pb2, records_pb2
from services.ledger.read.reader import Cell, Depth, Happening, Notification
from services.ledger.rpc import pages
from services.ledger.rpc.wire import moment
from services.ledger.rpc.wire_enums import (
    FROM_STATUS,
    TO_GUARANTEE,
    TO_KIND,
    TO_OUTCOME,
    TO_PRIORITY,
    TO_STATUS,
    channel_asked,
    number,
    wanted,
)
from services.ledger.rules import devices, fallbacks
from services.ledger.rules.delivery import Failure
from services.ledger.rules.devices import DeviceAttempt
from services.ledger.rules.fallbacks import Fallback
from services.ledger.rules.states import WAITING, Status
from services.ledger.stores.paging import DeadLetterFilter, Filter, TemplateFilter, WaitingFilter
from shared.channel.numbers import number_of
from shared.times import to_duration, to_timestamp


def notification(found: Notification, happenings: Iterable[Happening] = ()) -> notification_pb2.Notification:
    """As callers see it, with the given timeline."""
    delivery = found.delivery
    planned = delivery.status in WAITING and delivery.status is not Status.QUEUED
    traced = trace_id(found.traceparent)
    return notification_pb2.Notification(
        notification_id=delivery.notification_id,
        user_id=found.user_id,
        template_name=found.template_name,
        template_version=found.template_version,
        channel=number_of(delivery.channel),
        to=fallbacks.recipient(delivery, found.recipient),
        status=TO_STATUS[delivery.status],
        priority=TO_PRIORITY[delivery.lane],
        locale=found.locale,
        metadata=found.metadata,
        delivery_guarantee=TO_GUARANTEE[delivery.guarantee],
        idempotency_key=found.idempotency_key,
        create_time=to_timestamp(found.created_at),
        update_time=to_timestamp(delivery.updated_at),
        send_at=to_timestamp(found.not_before),
        expires_at=to_timestamp(delivery.expires_at),
        sent_time=to_timestamp(delivery.sent_at),
        delivered_time=to_timestamp(delivery.delivered_at),
        last_attempt_time=to_timestamp(delivery.last_attempt_at),
        next_attempt_time=to_timestamp(delivery.ready_at if planned else None),
        attempt_count=delivery.attempt,
        max_attempts=delivery.attempt_limit,
        provider=delivery.provider,
        provider_message_id=delivery.provider_message_id,
        failure=failure(Failure(delivery.failure_code, delivery.failure_message)),
        timeline=pages.newest([happening(one, traced) for one in happenings]),
        trace_id=traced,
        category=found.category,
        fallbacks=[_fallback(fallback) for fallback in fallbacks.restored(delivery.fallbacks)],
        collapsed_into=found.collapsed_into or "",
        attachments=Asked.FromString(found.asked).attachments if found.asked else (),
    )


def happening(found: Happening, traced: str) -> notification_pb2.TimelineEvent:
    """One line of a timeline. What a receipt reported is told as its decision."""
    event = found.event
    decisions = [notification_pb2.Decision(**decision) for decision in event.decisions]
    if event.reported is not None:
        reason = f"{event.provider} reported it" if event.provider else "its arrival was acknowledged"
        decisions.append(notification_pb2.Decision(rule="receipt", result=event.reported, reason=reason))
    return notification_pb2.TimelineEvent(
        sequence=found.sequence,
        time=to_timestamp(found.recorded_at),
        kind=TO_KIND[event.kind],
        status=TO_STATUS[event.status],
        attempt=event.attempt,
        provider=event.provider,
        outcome=number(TO_OUTCOME, event.outcome),
        latency=None if event.latency_ms is None else to_duration(event.latency_ms / 1000),
        provider_message_id=event.provider_message_id,
        failure=failure(event.failure),
        decisions=decisions,
        next_attempt_time=to_timestamp(event.next_attempt_at),
        actor=event.actor,
        trace_id=traced,
        devices=[_device(devices.restored(one)) for one in event.devices],
    )


def filter_of(request: ledger_reader_pb2.ListNotificationsRequest) -> Filter:
    """Which notifications are wanted. Raises INVALID_ARGUMENT for a time that cannot be, or what is not known."""
    return Filter(
        request.tenant_id,
        request.user_id,
        tuple(sorted({one for number in request.statuses if (one := wanted(FROM_STATUS, number, "statuses"))})),
        channel_asked(request.channel, "channel"),
        request.template_name,
        moment(request, "created_after"),
        moment(request, "created_before"),
        request.provider,
        request.failure_code,
    )


def dead_letter_filter_of(tenant_id: str, message: records_pb2.DeadLetterFilter) -> DeadLetterFilter:
    """Which dead letters are wanted. Raises INVALID_ARGUMENT for a time that cannot be, and for unknown numbers."""
    return DeadLetterFilter(
        tenant_id,
        channel_asked(message.channel, "filter.channel"),
        message.provider,
        message.failure_code,
        moment(message, "died_after"),
        moment(message, "died_before"),
    )


def waiting_filter_of(tenant_id: str, message: notification_filter_pb2.NotificationFilter) -> WaitingFilter:
    """Which of those that wait are wanted. Raises INVALID_ARGUMENT for an impossible time or channel."""
    return WaitingFilter(
        tenant_id,
        message.user_id,
        channel_asked(message.channel, "filter.channel"),
        message.template_name,
        message.category,
        message.idempotency_key,
        tuple(sorted(message.metadata.items())),
        moment(message, "created_after"),
        moment(message, "created_before"),
    )


def template_filter_of(request: ledger_reader_pb2.ListTemplatesRequest) -> TemplateFilter:
    """Which templates are wanted. Raises INVALID_ARGUMENT for an unknown channel."""
    return TemplateFilter(request.tenant_id, channel_asked(request.channel, "channel"))


def depth(found: Depth) -> ledger_reader_pb2.LaneDepth:
    return ledger_reader_pb2.LaneDepth(
        lane=TO_PRIORITY[found.lane],
        due=found.due,
        waiting=found.waiting,
        sending=found.sending,
        oldest_due_age=to_duration(found.oldest_due_age),
    )


def statistics(cells: Iterable[Cell]) -> ledger_reader_pb2.GetStatisticsResponse:
    """Counts, and the mean attempts of those that are RETRYING."""
    cells = list(cells)
    retrying = [cell for cell in cells if cell.status is Status.RETRYING]
    count = sum(cell.notifications for cell in retrying)
    return ledger_reader_pb2.GetStatisticsResponse(
        cells=[
            ledger_reader_pb2.StatisticsCell(
                status=TO_STATUS[cell.status],
                channel=number_of(cell.channel),
                count=cell.notifications,
                provider=cell.provider,
                bucket_start=to_timestamp(cell.bucket_start),
            )
            for cell in cells
        ],
        average_retry_attempts=sum(cell.attempts for cell in retrying) / count if count else 0.0,
    )


def _fallback(fallback: Fallback) -> notification_pb2.Fallback:
    after = None if fallback.after is None else to_duration(fallback.after)
    return notification_pb2.Fallback(channel=number_of(fallback.channel), to=fallback.to, after=after)


def _device(found: DeviceAttempt) -> notification_pb2.DeviceAttempt:
    return notification_pb2.DeviceAttempt(
        device_token_id=found.device_token_id,
        provider=found.provider,
        outcome=number(TO_OUTCOME, found.outcome),
        provider_message_id=found.provider_message_id,
        failure=failure(found.failure),
        latency=None if found.latency_ms is None else to_duration(found.latency_ms / 1000),
        forgotten=found.gone,
    )


def failure(failure: Failure) -> notification_pb2.Failure | None:
    """Why an attempt failed; None: it did not."""
    if not failure.code and not failure.message:
        return None
    return notification_pb2.Failure(code=failure.code, message=failure.message)


def trace_id(traceparent: str) -> str:
    """The trace id of a W3C traceparent (https://www.w3.org/TR/trace-context/#traceparent-header); else empty."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else ""
