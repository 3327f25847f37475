"""The closed sets of names, as strings: ``Channel.EMAIL == "EMAIL"``.

UNSPECIFIED is "not said", or a value that is newer than this client.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar


class Channel(StrEnum):
    """How a recipient is reached."""

    UNSPECIFIED = "UNSPECIFIED"
    EMAIL = "EMAIL"
    SMS = "SMS"
    PUSH = "PUSH"
    WHATSAPP = "WHATSAPP"
    CHAT = "CHAT"


class ReplayTemplate(StrEnum):
    """Which version of its template a dead letter is replayed with."""

    UNSPECIFIED = "UNSPECIFIED"
    PINNED = "PINNED"
    NEWEST = "NEWEST"


class Priority(StrEnum):
    """How urgent a notification is; the lane it travels in."""

    UNSPECIFIED = "UNSPECIFIED"
    HIGH = "HIGH"
    LOW = "LOW"


class Status(StrEnum):
    """Where a notification stands."""

    UNSPECIFIED = "UNSPECIFIED"
    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    SENDING = "SENDING"
    RETRYING = "RETRYING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    UNDELIVERED = "UNDELIVERED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    SUPPRESSED = "SUPPRESSED"

    @property
    def is_under_way(self) -> bool:
        """Not with a provider yet, and still going there."""
        return self in (Status.UNSPECIFIED, Status.SCHEDULED, Status.QUEUED, Status.SENDING, Status.RETRYING)

    @property
    def is_success(self) -> bool:
        """A provider took it over, and has not reported that it did not arrive."""
        return self in (Status.SENT, Status.DELIVERED)


class DeliveryGuarantee(StrEnum):
    """What happens when a provider call ends without an answer: try again, or leave it."""

    UNSPECIFIED = "UNSPECIFIED"
    AT_LEAST_ONCE = "AT_LEAST_ONCE"
    AT_MOST_ONCE = "AT_MOST_ONCE"


class EventKind(StrEnum):
    """What kind of thing happened to a notification."""

    UNSPECIFIED = "UNSPECIFIED"
    ACCEPTED = "ACCEPTED"
    ATTEMPT_STARTED = "ATTEMPT_STARTED"
    ATTEMPT_ENDED = "ATTEMPT_ENDED"
    RECEIPT = "RECEIPT"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    DEFERRED = "DEFERRED"
    SUPPRESSED = "SUPPRESSED"
    REPLAYED = "REPLAYED"
    FALLBACK = "FALLBACK"


class Outcome(StrEnum):
    """How an attempt ended."""

    UNSPECIFIED = "UNSPECIFIED"
    SUCCEEDED = "SUCCEEDED"
    TRANSIENT_FAILURE = "TRANSIENT_FAILURE"
    PERMANENT_FAILURE = "PERMANENT_FAILURE"
    UNANSWERED = "UNANSWERED"
    RELEASED = "RELEASED"


class SuppressionReason(StrEnum):
    """Why a user must not get something."""

    UNSPECIFIED = "UNSPECIFIED"
    MANUAL = "MANUAL"
    BOUNCE = "BOUNCE"
    COMPLAINT = "COMPLAINT"
    UNSUBSCRIBE = "UNSUBSCRIBE"


class DeviceKind(StrEnum):
    """By whose service a device is reached, and so what its token is."""

    UNSPECIFIED = "UNSPECIFIED"
    FCM = "FCM"
    APNS = "APNS"
    WEB_PUSH = "WEB_PUSH"


class LimitKind(StrEnum):
    """What is limited."""

    UNSPECIFIED = "UNSPECIFIED"
    USER_CHANNEL = "USER_CHANNEL"
    RECIPIENT = "RECIPIENT"
    TENANT = "TENANT"
    SMS_PREFIX = "SMS_PREFIX"
    SMS_SPEND = "SMS_SPEND"
    PROVIDER = "PROVIDER"
    FAIR_SHARE = "FAIR_SHARE"


class BreakerState(StrEnum):
    """Whether a provider is called; HALF_OPEN: a few calls try whether it works again."""

    UNSPECIFIED = "UNSPECIFIED"
    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class BreakerOverride(StrEnum):
    """What an operator wants of a provider's breaker; AUTOMATIC: failures decide."""

    UNSPECIFIED = "UNSPECIFIED"
    AUTOMATIC = "AUTOMATIC"
    FORCED_OPEN = "FORCED_OPEN"
    FORCED_CLOSED = "FORCED_CLOSED"


Name = TypeVar("Name", bound=StrEnum)


def parse(kind: type[Name], text: str) -> Name:
    """The member called ``text``, in any case; ValueError lists those there are."""
    try:
        return kind(text.upper())
    except ValueError:
        names = ", ".join(member.value for member in kind if member.value != "UNSPECIFIED")
        raise ValueError(f"{text!r} is no {kind.__name__.lower()}; there are {names}") from None
