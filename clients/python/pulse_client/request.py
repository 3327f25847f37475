"""What ``send`` takes, and ``send_many`` takes many of."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NotRequired, TypedDict, TypeVar

from pulse.common.v1 import enums_pb2, notification_pb2, saying_pb2
from pulse.gateway.v1 import notification_service_pb2 as pb
from pulse_client import trace
from pulse_client.attachments.attachment import Attachment
from pulse_client.attachments.attachment import message as attached
from pulse_client.enums import Channel, Priority
from pulse_client.models import Fallback
from pulse_client.wire import number, to_duration, to_struct, to_timestamp

Said = TypeVar("Said", saying_pb2.Email, saying_pb2.Push, saying_pb2.Sms)


class Request(TypedDict):
    """ "Tell this user that": a plain dictionary, written ``Request(user_id=..., template=..., to=...)``.

    A request without ``idempotency_key`` gets a fresh UUID, so that trying again after a lost answer makes
    no second notification. Give a key of your own (an order's number, say) to be safe across restarts of
    your program too.
    """

    user_id: str  # whom, in your own terms
    template: str  # the template's name
    to: NotRequired[str]  # a mail address, a phone number in E.164, a device token; by PUSH unset: the user's devices
    context: NotRequired[Mapping[str, Any] | None]  # the template's variables, JSON values
    channel: NotRequired[Channel | str | None]  # overrides the template's
    idempotency_key: NotRequired[str | None]
    priority: NotRequired[Priority | str | None]  # overrides the template's
    send_at: NotRequired[dt.datetime | None]  # not before; aware
    expires_at: NotRequired[dt.datetime | None]  # no attempt begins later; aware
    ttl: NotRequired[dt.timedelta | None]  # the same as a length; not together with expires_at
    locale: NotRequired[str | None]  # BCP 47
    metadata: NotRequired[Mapping[str, str] | None]  # your labels, returned as they came
    subject: NotRequired[str | None]  # overrides the template's subject or title
    sender: NotRequired[str | None]  # who it comes from: a registered sender's name; overrides the template's
    email: NotRequired[Mapping[str, Any] | None]  # by the contract's names: reply_to, cc, bcc, headers, preheader
    push: NotRequired[Mapping[str, Any] | None]  # data, link, image, sound, badge, collapse_key, ...
    sms: NotRequired[Mapping[str, Any] | None]  # max_segments, transliterate
    attachments: NotRequired[Sequence[Attachment]]  # files, of at most 20 MiB together
    fallbacks: NotRequired[Sequence[Fallback]]  # channels it moves on to where it does not arrive; at most 4
    at_most_once: NotRequired[bool]  # never try again when a provider did not answer
    validate_only: NotRequired[bool]  # check, but store and send nothing
    traceparent: NotRequired[str | None]  # W3C Trace Context; unset or none in ``send``: OpenTelemetry's current span


class Built(NamedTuple):
    """A request in its wire form, and the W3C traceparent that it is sent under; "" if it has none."""

    message: pb.SendNotificationRequest
    traceparent: str

    def traced(self) -> Built:
        """Under the caller's current span, unless it says itself what it is part of."""
        return self if self.traceparent else self._replace(traceparent=trace.current())


def build(
    *,
    user_id: str,
    template: str,
    to: str = "",
    context: Mapping[str, Any] | None = None,
    channel: Channel | str | None = None,
    idempotency_key: str | None = None,
    priority: Priority | str | None = None,
    send_at: dt.datetime | None = None,
    expires_at: dt.datetime | None = None,
    ttl: dt.timedelta | None = None,
    locale: str | None = None,
    metadata: Mapping[str, str] | None = None,
    subject: str | None = None,
    sender: str | None = None,
    email: Mapping[str, Any] | None = None,
    push: Mapping[str, Any] | None = None,
    sms: Mapping[str, Any] | None = None,
    attachments: Sequence[Attachment] = (),
    fallbacks: Sequence[Fallback] = (),
    at_most_once: bool = False,
    validate_only: bool = False,
    traceparent: str | None = None,
) -> Built:
    """The wire form of a :class:`Request`. TypeError or ValueError for what cannot be one."""
    message = pb.SendNotificationRequest(
        user_id=user_id,
        template_name=template,
        to=to,
        context=to_struct(context),
        channel=number(Channel, enums_pb2.Channel, channel),
        idempotency_key=idempotency_key or str(uuid.uuid4()),
        priority=number(Priority, enums_pb2.Priority, priority),
        send_at=to_timestamp(send_at),
        expires_at=to_timestamp(expires_at),
        ttl=to_duration(ttl),
        locale=locale or "",
        metadata=metadata,
        delivery_guarantee=enums_pb2.AT_MOST_ONCE if at_most_once else enums_pb2.DELIVERY_GUARANTEE_UNSPECIFIED,
        validate_only=validate_only,
        subject=subject or "",
        sender=sender or "",
        email=_said(saying_pb2.Email, email),
        push=_said(saying_pb2.Push, push),
        sms=_said(saying_pb2.Sms, sms),
        attachments=map(attached, attachments),
        fallbacks=[_fallback(fallback) for fallback in fallbacks],
    )
    return Built(message, trace.given(traceparent))


def _said(kind: type[Said], fields: Mapping[str, Any] | None) -> Said | None:
    return None if fields is None else kind(**fields)


def _fallback(fallback: Fallback) -> notification_pb2.Fallback:
    channel = number(Channel, enums_pb2.Channel, fallback.channel)
    return notification_pb2.Fallback(channel=channel, to=fallback.to, after=to_duration(fallback.after))
