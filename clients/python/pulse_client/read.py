"""Responses as the client's own types."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from pulse.common.v1 import enums_pb2, notification_pb2, saying_pb2, template_pb2
from pulse.gateway.v1 import notification_service_pb2, operations_service_pb2, template_service_pb2
from pulse_client import errors
from pulse_client.enums import Channel, DeliveryGuarantee, EventKind, Outcome, Priority, Status
from pulse_client.fragments.fragment import FragmentPin
from pulse_client.models import (
    AttachedFile,
    Cost,
    Decision,
    DeviceAttempt,
    Event,
    Failure,
    Fallback,
    Notification,
    Preview,
    Price,
    QueueDepth,
    Sent,
    SmsSize,
    Statistics,
    StatusCount,
)
from pulse_client.template import CONTENT_TEXTS, TEXTS, Template, TemplateContent
from pulse_client.wire import length, name, said, time, unknown


def sent(answer: notification_service_pb2.SendNotificationResponse) -> Sent:
    """From SendNotification."""
    return _sent(answer)


def result(answer: notification_service_pb2.BatchSendResult) -> Sent | errors.PulseError:
    """From one result of BatchSendNotifications."""
    if answer.HasField("error"):
        return errors.from_status(answer.error)
    return _sent(answer)


def notification(stored: notification_pb2.Notification) -> Notification:
    """From Get, List and Cancel."""
    return Notification(
        notification_id=stored.notification_id,
        user_id=stored.user_id,
        template_name=stored.template_name,
        template_version=stored.template_version,
        channel=name(Channel, enums_pb2.Channel, stored.channel),
        to=stored.to,
        status=name(Status, enums_pb2.Status, stored.status),
        priority=name(Priority, enums_pb2.Priority, stored.priority),
        locale=stored.locale,
        metadata=dict(stored.metadata),
        delivery_guarantee=name(DeliveryGuarantee, enums_pb2.DeliveryGuarantee, stored.delivery_guarantee),
        idempotency_key=stored.idempotency_key,
        create_time=time(stored, "create_time"),
        update_time=time(stored, "update_time"),
        send_at=time(stored, "send_at"),
        expires_at=time(stored, "expires_at"),
        sent_time=time(stored, "sent_time"),
        delivered_time=time(stored, "delivered_time"),
        last_attempt_time=time(stored, "last_attempt_time"),
        next_attempt_time=time(stored, "next_attempt_time"),
        attempt_count=stored.attempt_count,
        max_attempts=stored.max_attempts,
        provider=stored.provider,
        provider_message_id=stored.provider_message_id,
        failure=_failure(stored),
        timeline=tuple(event(happened) for happened in stored.timeline),
        trace_id=stored.trace_id,
        category=stored.category,
        fallbacks=tuple(_fallback(one) for one in stored.fallbacks),
        collapsed_into=stored.collapsed_into,
        attachments=tuple(_attached(one) for one in stored.attachments),
    )


def event(happened: notification_pb2.TimelineEvent) -> Event:
    """From a timeline."""
    return Event(
        sequence=happened.sequence,
        time=time(happened, "time"),
        kind=name(EventKind, notification_pb2.TimelineEvent.Kind, happened.kind),
        status=name(Status, enums_pb2.Status, happened.status),
        attempt=happened.attempt,
        provider=happened.provider,
        outcome=name(Outcome, notification_pb2.TimelineEvent.Outcome, happened.outcome),
        latency=length(happened, "latency"),
        provider_message_id=happened.provider_message_id,
        failure=_failure(happened),
        decisions=tuple(Decision(d.rule, d.result, d.reason) for d in happened.decisions),
        next_attempt_time=time(happened, "next_attempt_time"),
        actor=happened.actor,
        trace_id=happened.trace_id,
        devices=tuple(_device(one) for one in happened.devices),
        price=_price(happened.price) if happened.HasField("price") else None,
    )


def _device(one: notification_pb2.DeviceAttempt) -> DeviceAttempt:
    return DeviceAttempt(
        device_token_id=one.device_token_id,
        provider=one.provider,
        outcome=name(Outcome, notification_pb2.TimelineEvent.Outcome, one.outcome),
        provider_message_id=one.provider_message_id,
        failure=_failure(one),
        latency=length(one, "latency"),
        forgotten=one.forgotten,
    )


def template(stored: template_pb2.Template) -> Template:
    """From the template service."""
    return Template(
        channel=name(Channel, enums_pb2.Channel, stored.channel),
        contents=tuple(_content(content) for content in stored.contents),
        priority=name(Priority, enums_pb2.Priority, stored.priority),
        version=stored.version,
        variables=tuple(stored.variables),
        create_time=time(stored, "create_time"),
        update_time=time(stored, "update_time"),
        digest_window=length(stored, "digest_window"),
        fragments=tuple(FragmentPin(pin.name, pin.version) for pin in stored.fragments),
        unknown=unknown(stored),
        **{text: getattr(stored, text) for text in TEXTS},
    )


def preview(answer: template_service_pb2.PreviewTemplateResponse) -> Preview:
    """From PreviewTemplate."""
    return Preview(
        answer.subject,
        answer.body,
        answer.html_body,
        answer.locale,
        answer.sms_segments,
        tuple(answer.missing_strings),
        tuple(answer.warnings),
        answer.sms_unicode_character,
        tuple(answer.variables),
        missing_fragments=tuple(answer.missing_fragments),
        **said(answer),
    )


def queue_depths(answer: operations_service_pb2.GetQueueDepthsResponse) -> tuple[QueueDepth, ...]:
    """From GetQueueDepths."""
    return tuple(_queue_depth(queue) for queue in answer.queues)


def statistics(answer: operations_service_pb2.GetStatisticsResponse) -> Statistics:
    """From GetStatistics."""
    counts = tuple(
        StatusCount(name(Status, enums_pb2.Status, c.status), name(Channel, enums_pb2.Channel, c.channel), c.count)
        for c in answer.counts
    )
    return Statistics(counts, answer.average_retry_attempts, costs(answer.costs))


def costs(found: Iterable[notification_pb2.Cost]) -> tuple[Cost, ...]:
    """From GetStatistics."""
    return tuple(
        Cost(
            day=one.day.ToDatetime().date(),
            channel=name(Channel, enums_pb2.Channel, one.channel),
            provider=one.provider,
            price=_price(one.price),
            count=one.count,
        )
        for one in found
    )


def _price(told: notification_pb2.Price) -> Price:
    """NaN for an amount that this release cannot read."""
    try:
        return Price(Decimal(told.amount), told.currency)
    except InvalidOperation:
        return Price(Decimal("NaN"), told.currency)


def _sent(
    answer: notification_service_pb2.SendNotificationResponse | notification_service_pb2.BatchSendResult,
) -> Sent:
    sms = _sms_size(answer.sms) if answer.HasField("sms") else None
    return Sent(answer.notification_id, name(Status, enums_pb2.Status, answer.status), answer.replayed, sms)


def _sms_size(size: saying_pb2.SmsSize) -> SmsSize:
    kind = saying_pb2.SmsSize.Encoding
    encoding = kind.Name(size.encoding) if size.encoding in kind.values() else "UNSPECIFIED"
    return SmsSize(size.segments, encoding, size.unicode_character)


def _queue_depth(queue: operations_service_pb2.QueueDepth) -> QueueDepth:
    lane = name(Priority, enums_pb2.Priority, queue.lane)
    return QueueDepth(lane, queue.due, queue.waiting, queue.sending, queue.oldest_due_age.ToTimedelta())


def _content(content: template_pb2.TemplateContent) -> TemplateContent:
    channel = name(Channel, enums_pb2.Channel, content.channel)
    fields: dict[str, Any] = {text: getattr(content, text) for text in CONTENT_TEXTS} | said(content)
    return TemplateContent(
        channel=channel, strings=dict(content.strings), mjml=content.mjml, unknown=unknown(content), **fields
    )


def _attached(stored: saying_pb2.Attachment) -> AttachedFile:
    return AttachedFile(
        stored.attachment_id, stored.filename, stored.content_type, stored.size, stored.sha256, stored.inline_id
    )


def _fallback(stored: notification_pb2.Fallback) -> Fallback:
    return Fallback(name(Channel, enums_pb2.Channel, stored.channel), stored.to, length(stored, "after"))


def _failure(
    owner: notification_pb2.Notification | notification_pb2.TimelineEvent | notification_pb2.DeviceAttempt,
) -> Failure | None:
    return Failure(owner.failure.code, owner.failure.message) if owner.HasField("failure") else None
