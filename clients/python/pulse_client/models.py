"""What Pulse answers with. Times are aware, in UTC; lengths of time are ``timedelta``; None is "not known"."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pulse_client.enums import Channel, DeliveryGuarantee, EventKind, Outcome, Priority, Status


@dataclass(frozen=True)
class SmsSize:
    """What a text takes as SMS. ``encoding``: GSM_7, or UCS_2 where ``unicode_character`` forces it."""

    segments: int
    encoding: str
    unicode_character: str = ""


@dataclass(frozen=True)
class Sent:
    """A notification that is stored durably. ``replayed``: an earlier request with its key made it.

    ``sms``: what it takes as SMS, by its own channel or a fallback's; None for others, and for what is replayed.
    """

    notification_id: str
    status: Status
    replayed: bool
    sms: SmsSize | None = None


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed: the provider's code or Pulse's reason, and one sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Decision:
    """One rule's say in what happened, and why."""

    rule: str
    result: str
    reason: str


@dataclass(frozen=True)
class DeviceAttempt:
    """One of several devices that an attempt went to; its outcome is UNSPECIFIED where the attempt was started.

    ``forgotten``: the provider said that the device is gone, so that it is registered no more.
    """

    device_token_id: str
    provider: str
    outcome: Outcome
    provider_message_id: str
    failure: Failure | None
    latency: dt.timedelta | None
    forgotten: bool


@dataclass(frozen=True)
class Price:
    """What a provider charges; ``currency`` is of ISO 4217."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Event:
    """One thing that happened to a notification. ``sequence`` counts from 1, ``attempt`` too (0: none meant).

    ``devices`` are those of an attempt that went to several at once. ``price`` is what the provider charges for an
    attempt, once it has told.
    """

    sequence: int
    time: dt.datetime | None
    kind: EventKind
    status: Status
    attempt: int
    provider: str
    outcome: Outcome
    latency: dt.timedelta | None
    provider_message_id: str
    failure: Failure | None
    decisions: tuple[Decision, ...]
    next_attempt_time: dt.datetime | None
    actor: str
    trace_id: str
    devices: tuple[DeviceAttempt, ...] = ()
    price: Price | None = None


@dataclass(frozen=True)
class Fallback:
    """Another channel that a notification moves on to, once, where it has not arrived.

    ``to`` may be empty for PUSH: the user's registered devices. ``after`` counts from when the channel before might
    first be tried, 1 s to 7 days; None: only if that channel failed for good.
    """

    channel: Channel | str
    to: str = ""
    after: dt.timedelta | None = None


@dataclass(frozen=True)
class AttachedFile:
    """A file that goes with a notification, as it is called there. ``inline_id``: its HTML shows it as ``cid:...``."""

    attachment_id: str
    filename: str
    content_type: str
    size: int  # bytes
    sha256: str  # in lower-case hex
    inline_id: str


@dataclass(frozen=True)
class Notification:
    """What was asked for and where it stands. Only ``get`` and ``wait`` fill ``timeline`` and ``attachments``."""

    notification_id: str
    user_id: str
    template_name: str
    template_version: int
    channel: Channel
    to: str
    status: Status
    priority: Priority
    locale: str
    metadata: Mapping[str, str]
    delivery_guarantee: DeliveryGuarantee
    idempotency_key: str
    create_time: dt.datetime | None
    update_time: dt.datetime | None
    send_at: dt.datetime | None
    expires_at: dt.datetime | None
    sent_time: dt.datetime | None
    delivered_time: dt.datetime | None
    last_attempt_time: dt.datetime | None
    next_attempt_time: dt.datetime | None
    attempt_count: int
    max_attempts: int
    provider: str
    provider_message_id: str
    failure: Failure | None
    timeline: tuple[Event, ...]
    trace_id: str
    category: str = ""
    fallbacks: tuple[Fallback, ...] = ()
    collapsed_into: str = ""  # the notification whose digest tells this one's content too
    attachments: tuple[AttachedFile, ...] = ()


@dataclass(frozen=True)
class Preview:
    """What a recipient would see; ``sms_segments`` is 0 unless it is an SMS."""

    subject: str
    body: str
    html_body: str
    locale: str
    sms_segments: int
    #: Strings that the language lacks, taken from the template's own.
    missing_strings: tuple[str, ...] = ()
    #: What would be sent, but would not look as it should.
    warnings: tuple[str, ...] = ()
    #: The first character that made an SMS UCS-2, so that a segment holds 70 and not 160; empty: none.
    sms_unicode_character: str = ""
    #: Names that a context must hold.
    variables: tuple[str, ...] = ()
    #: What it says beside these, by the contract's names.
    email: Mapping[str, Any] = field(default_factory=dict)
    push: Mapping[str, Any] = field(default_factory=dict)
    whatsapp: Mapping[str, Any] = field(default_factory=dict)
    #: Fragments that say nothing in the language, taken in another.
    missing_fragments: tuple[str, ...] = ()


@dataclass(frozen=True)
class QueueDepth:
    """What waits in one lane: due now, not before a later time, and in workers' hands."""

    lane: Priority
    due: int
    waiting: int
    sending: int
    oldest_due_age: dt.timedelta


@dataclass(frozen=True)
class StatusCount:
    """How many notifications of a channel stand at a status."""

    status: Status
    channel: Channel
    count: int


@dataclass(frozen=True)
class Cost:
    """What a provider charged for ``count`` attempts that it told the price of on a ``day`` (UTC)."""

    day: dt.date
    channel: Channel
    provider: str
    price: Price
    count: int


@dataclass(frozen=True)
class Statistics:
    """How things went; ``average_retry_attempts`` is over those that are RETRYING now.

    ``costs`` are those of the days that the window touches; never add them up over currencies.
    """

    counts: tuple[StatusCount, ...]
    average_retry_attempts: float
    costs: tuple[Cost, ...] = ()
