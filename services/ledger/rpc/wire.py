"""Protobuf to what the ledger works with, and back: what moves notifications."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import Message

from pulse.common.v1 import notification_pb2
from pulse.ledger.v1 import records_pb2
from services.ledger.accept.entries import Entry
from services.ledger.accept.keys import RecordResult
from services.ledger.move.content import Content
from services.ledger.move.settled import Settled
from services.ledger.rpc.asked import document, put_together
from services.ledger.rpc.wire_enums import (
    FROM_CAUSE,
    FROM_GUARANTEE,
    FROM_OUTCOME,
    FROM_PRIORITY,
    FROM_REJECTION,
    FROM_STATUS,
    TO_PRIORITY,
    TO_STATUS,
    number,
    wanted,
)
from services.ledger.rules.attempts import Ending
from services.ledger.rules.delivery import NO_FAILURE, Delivery, Failure, Guarantee, Ref
from services.ledger.rules.devices import DeviceAttempt
from services.ledger.rules.fallbacks import Fallback
from services.ledger.rules.receipts import Receipt
from services.ledger.rules.retry import Cause
from services.ledger.rules.settlements import Settlement
from shared.channel.numbers import channel_of, number_of
from shared.errors import PulseError, Violation, invalid
from shared.ids import canonical_uuid
from shared.rpc.former import Former
from shared.rpc.statuses import to_status
from shared.times import from_duration, from_timestamp, set_timestamp

#: Decisions of a worker that are kept of one attempt: as many as an email has copies.
_MOST_DECISIONS = 20
#: What providers and workers say is kept up to so many characters.
_LONGEST_NAME, _LONGEST_TEXT = 256, 1024

_USUAL_GUARANTEE = Guarantee.AT_LEAST_ONCE

_ENTRIES = Former(records_pb2.Entry)
_CLAIMED = Former(records_pb2.ClaimedNotification)


def entries(messages: Iterable[records_pb2.Entry]) -> Iterator[Entry | PulseError]:
    """Entries to record; what they may hold is checked later. One that cannot be read is refused alone.

    INVALID_ARGUMENT for a time that cannot be, and for a guarantee that this release does not know. What was decided is
    one object for all of which the same was decided, as it mostly is in a batch.
    """
    known: dict[object, Sequence[Mapping[str, str]]] = {}
    for message in messages:
        said = tuple([(one.rule, one.result, one.reason) for one in message.decisions])
        decisions = known.get(said)
        if decisions is None:
            decisions = known[said] = [{"rule": one[0], "result": one[1], "reason": one[2]} for one in said]
        try:
            yield _entry(message, decisions)
        except PulseError as error:
            yield error


def _entry(message: records_pb2.Entry, decisions: Sequence[Mapping[str, str]]) -> Entry:
    asked = _ENTRIES.asked(message)
    ref, guarantee = message.ref, asked.delivery_guarantee
    return Entry(
        ref.tenant_id,
        ref.notification_id,
        asked.user_id,
        asked.template_name,
        asked.template_version,
        asked.to,
        asked.subject,
        asked.context_json,
        asked.idempotency_key,
        message.fingerprint,
        asked.locale,
        dict(asked.metadata) if asked.metadata else {},
        asked.category,
        message.traceparent,
        moment(message, "not_before"),
        moment(asked, "expires_at"),
        channel_of(asked.channel),
        FROM_PRIORITY.get(message.lane),
        wanted(FROM_GUARANTEE, guarantee, "delivery_guarantee") or _USUAL_GUARANTEE,
        list(message.route),
        message.max_attempts,
        decisions,
        message.dispatched,
        [_fallback(fallback) for fallback in message.fallbacks] if message.fallbacks else (),
        from_duration(asked.digest_window) if asked.HasField("digest_window") else 0.0,
        document(asked),
    )


def add_result(to: RepeatedCompositeFieldContainer[records_pb2.RecordResult], answer: RecordResult | None) -> None:
    """Says what became of an entry or a key; None: nothing is known of the key."""
    if answer is None:
        to.add()
    elif isinstance(answer, PulseError):
        to.add(error=to_status(answer))
    else:
        id_, status, replayed = answer
        to.add(notification_id=id_, status=number(TO_STATUS, status), replayed=replayed)


def ref(message: records_pb2.NotificationRef) -> Ref | None:
    """Names a notification; None for what can name none."""
    tenant_id, notification_id = message.tenant_id, canonical_uuid(message.notification_id)
    return (tenant_id, notification_id) if notification_id and "\0" not in tenant_id else None


def refs(messages: Iterable[records_pb2.NotificationRef]) -> list[Ref]:
    """Without those that can name none."""
    return [found for message in messages if (found := ref(message)) is not None]


def to_ref(found: Ref) -> records_pb2.NotificationRef:
    return records_pb2.NotificationRef(tenant_id=found[0], notification_id=found[1])


def settlement(message: records_pb2.Settlement) -> Settlement | None:
    """How an attempt ended; None for one that names no notification, or an outcome that only another release knows.

    Raises INVALID_ARGUMENT without an outcome.
    """
    named = ref(message.ref)
    outcome = FROM_OUTCOME.get(message.outcome)
    if not message.outcome:
        raise invalid([Violation("settlements.outcome", "is required")])
    if named is None or outcome is None:
        return None
    latency = from_duration(message.latency) * 1000 if message.HasField("latency") else None
    message_id = clean(message.provider_message_id, _LONGEST_NAME)
    failed = failure(message.failure) if message.HasField("failure") else NO_FAILURE
    retry_after = from_duration(message.retry_after) if message.HasField("retry_after") else 0.0
    rejection = FROM_REJECTION.get(message.rejection)
    cause = FROM_CAUSE.get(message.cause, Cause.PROVIDER)
    devices = [_device(one) for one in message.devices] if message.devices else ()
    if any(one.outcome is None or not one.device_token_id for one in devices):
        return None
    told = [_decision(one) for one in message.decisions[:_MOST_DECISIONS]] if message.decisions else ()
    ending = Ending(outcome, failed, message_id, latency, decisions=told)
    return Settlement(named, message.fence, ending, retry_after, rejection, cause, devices)


def _decision(message: notification_pb2.Decision) -> Mapping[str, str]:
    return {"rule": clean(message.rule), "result": clean(message.result), "reason": clean(message.reason)}


def _device(message: records_pb2.SettledDevice) -> DeviceAttempt:
    """How an attempt ended for one device; without an outcome for one that only another release knows."""
    return DeviceAttempt(
        canonical_uuid(message.device_token_id) or "",
        clean(message.provider, _LONGEST_NAME),
        FROM_OUTCOME.get(message.outcome),
        clean(message.provider_message_id, _LONGEST_NAME),
        failure(message.failure) if message.HasField("failure") else NO_FAILURE,
        from_duration(message.latency) * 1000 if message.HasField("latency") else None,
        from_duration(message.retry_after) if message.HasField("retry_after") else 0.0,
        FROM_REJECTION.get(message.rejection),
        FROM_CAUSE.get(message.cause, Cause.PROVIDER),
    )


def receipt(message: records_pb2.ProviderReceipt) -> Receipt | None:
    """A provider's report; None for one that names no notification or says nothing."""
    named, status = ref(message.ref), FROM_STATUS.get(message.status)
    if named is None or status is None:
        return None
    provider, message_id = clean(message.provider, _LONGEST_NAME), clean(message.provider_message_id, _LONGEST_NAME)
    rejection = FROM_REJECTION.get(message.rejection)
    return Receipt(named, provider, message_id, status, failure(message.failure), rejection)


def settle_result(settled: Settled) -> records_pb2.SettleResult:
    return records_pb2.SettleResult(applied=settled.applied, status=number(TO_STATUS, settled.status))


def claimed(
    delivery: Delivery, content: Content, critical: Container[str], *, reads_asked: bool
) -> records_pb2.ClaimedNotification:
    """All that a worker needs to send it; nobody can unsubscribe from the ``critical`` categories.

    Field by field: what is passed to a message when it is made is copied, which costs three times as much.
    """
    message = records_pb2.ClaimedNotification(
        fence=delivery.fence,
        attempt=delivery.attempt,
        provider=delivery.provider,
        channel=number_of(delivery.channel),
        to=content.recipient,
        traceparent=content.traceparent,
        lane=TO_PRIORITY[delivery.lane],
        unsubscribable=bool(content.category) and content.category not in critical,
    )
    message.ref.tenant_id, message.ref.notification_id = delivery.ref
    for stamp, moment in (
        (message.lease_until, delivery.lease_until),
        (message.create_time, content.created_at),
        (message.ready_time, delivery.ready_at),
        (message.expires_at, delivery.expires_at),
    ):
        if moment is not None:
            set_timestamp(stamp, moment)
    asked = put_together(
        message.asked,
        content.asked,
        user_id=content.user_id,
        subject=content.subject,
        context_json=content.context_json,
        template_name=content.template_name,
        template_version=content.template_version,
        locale=content.locale,
        category=content.category,
    )
    if content.metadata:
        asked.metadata.update(content.metadata)
    for device in content.targets:
        message.devices.add(**device._asdict())
    if not reads_asked:
        message.MergeFrom(records_pb2.ClaimedNotification(**_CLAIMED.fields(asked)))
        message.ClearField("asked")
    return message


def failure(message: notification_pb2.Failure) -> Failure:
    return Failure(clean(message.code, _LONGEST_NAME), clean(message.message, _LONGEST_TEXT))


def clean(text: str, longest: int = _LONGEST_NAME) -> str:
    """A provider's or worker's words, fit to be stored: never a reason to lose an attempt's outcome."""
    return text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}")


def length(duration: Duration, default: float) -> dt.timedelta:
    """A length of time; ``default`` seconds if it is not above zero."""
    seconds = from_duration(duration)
    return dt.timedelta(seconds=seconds if seconds > 0 else default)


def moment(message: Message, field: str) -> dt.datetime | None:
    """A time, None if it is not set. Raises INVALID_ARGUMENT for one that cannot be."""
    if not message.HasField(field):
        return None
    try:
        return from_timestamp(getattr(message, field))
    except (ValueError, OverflowError):
        raise invalid([Violation(field, "must be a time between the years 1 and 9999")]) from None


def _fallback(message: records_pb2.RoutedFallback) -> Fallback:
    channel = channel_of(message.channel)
    if channel is None:
        raise invalid([Violation("fallbacks.channel", "is required")])
    after = from_duration(message.after) if message.HasField("after") else None
    return Fallback(channel, message.to, list(message.route), after)
