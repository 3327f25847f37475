"""Notifications and templates as the original Pulse shows them."""

from __future__ import annotations

from google.protobuf.struct_pb2 import NULL_VALUE, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from pulse.common.v1 import enums_pb2, notification_pb2, template_pb2
from pulse.gateway.v1 import compatibility_service_pb2 as api
from services.gateway.rules import compatibility
from shared.channel.numbers import channel_of

_STATUS_WORDS: dict[int, str] = {
    number: compatibility.STATUSES[name] for name, number in enums_pb2.Status.items() if number
}


def to_status(seen: notification_pb2.Notification) -> api.NotificationStatus:
    """The original's view of a notification; what is not known is null."""
    retries_at = seen.next_attempt_time if seen.status == enums_pb2.RETRYING else Timestamp()
    return api.NotificationStatus(
        notification_id=seen.notification_id,
        user_id=seen.user_id,
        template_name=seen.template_name,
        channel=channel_name(seen.channel),
        to=seen.to,
        status=status_word(seen.status),
        attempts=seen.attempt_count,
        max_retries=max(seen.max_attempts - 1, 0),
        created_at=_time(seen.create_time),
        sent_at=_time(seen.sent_time),
        last_attempt_at=_time(seen.last_attempt_time),
        next_retry_at=_time(retries_at),
        error_message=_text(seen.failure.message),
        provider_config=_provider_config(seen),
        idempotency_key=_text(seen.idempotency_key),
    )


def status_word(status: int) -> str:
    """The original's word for one of our statuses; it has none for one that this release does not know: pending."""
    return _STATUS_WORDS.get(status, "pending")


def channel_name(number: int) -> str:
    """The original's word for a channel; empty for one that is newer than this release."""
    channel = channel_of(number)
    return "" if channel is None else channel.lower()


def to_template(tenant_id: str, stored: template_pb2.Template) -> api.LegacyTemplate:
    """The original's view of a template: its own channel, in its default language."""
    content = _default_content(stored)
    return api.LegacyTemplate(
        id=compatibility.template_id(tenant_id, stored.name),
        name=stored.name,
        channel=channel_name(stored.channel),
        subject=content.subject,
        body_template=content.body,
        created_at=stored.create_time.ToJsonString(),
    )


def _default_content(stored: template_pb2.Template) -> template_pb2.TemplateContent:
    default = (stored.default_locale or "en").lower()

    def distance(content: template_pb2.TemplateContent) -> tuple[bool, bool]:
        return content.channel != stored.channel, (content.locale.lower() or default) != default

    usable = [content for content in stored.contents if content.channel in (stored.channel, 0)]
    return min(usable, key=distance, default=template_pb2.TemplateContent())


def _provider_config(seen: notification_pb2.Notification) -> Struct:
    config = Struct()
    key = compatibility.MESSAGE_ID_KEYS.get(channel_of(seen.channel))
    if key and seen.provider_message_id:
        config[key] = seen.provider_message_id
    return config


def _time(stamp: Timestamp) -> Value:
    return _text(stamp.ToJsonString() if stamp.seconds or stamp.nanos else "")


def _text(text: str) -> Value:
    return Value(string_value=text) if text else Value(null_value=NULL_VALUE)
