"""What moves: a notification's narrow state, what happens to it, and a change of it. Pure data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from services.ledger.rules.states import Status
from services.ledger.rules.words import Word
from shared.channel.table import Channel

#: Ends of what was not sent, for all that is known.
_UNSENT = frozenset({Status.FAILED, Status.UNKNOWN, Status.EXPIRED, Status.CANCELLED, Status.SUPPRESSED})

#: Tenant id and notification id: names one notification.
Ref = tuple[str, str]


class Lane(Word):
    """Where a priority travels."""

    UNSPECIFIED = "UNSPECIFIED"
    HIGH = "HIGH"
    LOW = "LOW"


class Guarantee(Word):
    """What follows a provider call that ended without an answer."""

    UNSPECIFIED = "UNSPECIFIED"
    AT_LEAST_ONCE = "AT_LEAST_ONCE"
    AT_MOST_ONCE = "AT_MOST_ONCE"


class Kind(Word):
    """What kind of thing happened."""

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


class Outcome(Word):
    """How an attempt ended."""

    UNSPECIFIED = "UNSPECIFIED"
    SUCCEEDED = "SUCCEEDED"
    TRANSIENT_FAILURE = "TRANSIENT_FAILURE"
    PERMANENT_FAILURE = "PERMANENT_FAILURE"
    UNANSWERED = "UNANSWERED"
    RELEASED = "RELEASED"


class Failure(NamedTuple):
    """Why an attempt failed; both empty: it did not."""

    code: str = ""
    message: str = ""


NO_FAILURE = Failure()
#: A push has nowhere to go.
NO_DEVICE = Failure("NO_DEVICE", "the recipient has no registered device that it could go to")


class Delivery(NamedTuple):
    """The state of one notification, and what its rules go by. The order is that of the table's columns."""

    tenant_id: str
    notification_id: str
    status: Status
    channel: Channel
    lane: Lane
    guarantee: Guarantee
    #: Providers in the order in which they are tried.
    route: Sequence[str]
    #: Attempts allowed from acceptance, or from the last replay.
    max_attempts: int
    expires_at: dt.datetime | None
    #: When the dispatcher must look at it next; None: never.
    due_at: dt.datetime | None
    #: Since when, or from when on, it may be sent.
    ready_at: dt.datetime
    lease_until: dt.datetime | None
    #: Grows with every claim.
    fence: int
    #: Attempts begun, released ones left out; the number of the last one.
    attempt: int
    #: The last attempt number allowed; a replay moves it on.
    attempt_limit: int
    #: Index into the route of the provider that is next or in use.
    route_index: int
    provider: str
    provider_message_id: str
    failure_code: str
    failure_message: str
    #: A receipt that came before its attempt was settled: status, provider_message_id, code, message.
    early_receipt: Mapping[str, str] | None
    last_attempt_at: dt.datetime | None
    sent_at: dt.datetime | None
    delivered_at: dt.datetime | None
    updated_at: dt.datetime
    #: The sequence number of its last event.
    revision: int
    #: Since when it has been a dead letter; None: it is none.
    died_at: dt.datetime | None = None
    #: The fallbacks, in order: each of channel, to, route, after (s or None); None: there are none.
    fallbacks: Sequence[Mapping[str, Any]] | None = None
    #: How many channels were left behind; the first of all counts.
    fallback_index: int = 0
    #: When the next channel takes over; None: there is none, or only once this one has failed.
    fallback_at: dt.datetime | None = None
    #: Since when every look at it found that no provider may be called; None: the last one did not.
    deferred_at: dt.datetime | None = None
    #: It was given out since it became due: by a draw, or by the recorder that woke a worker for it.
    drawn: bool = False
    #: The registered device that the last attempt went to; None: it went by an address, or to several devices.
    device_token_id: str | None = None
    #: Registered devices that it does not go to any more since it was accepted or replayed: they cannot be reached by
    #: it, as providers said, or it went to several and is done with these.
    refused_devices: Sequence[str] = ()
    #: Providers that asked not to be called again for it, with the time until when.
    rests: Mapping[str, dt.datetime] = MappingProxyType({})
    #: Its last attempts, so many in a row, that workers did not come back from.
    losses: int = 0
    #: What it ends as at the worst, having gone to several devices: SENT if one took it, UNKNOWN if one may have it,
    #: though there are others to be tried yet. None: neither.
    secured: Status | None = None

    def moved(self, columns: Mapping[str, Any]) -> Delivery:
        """The same but for these columns: what :meth:`_replace` does, in a third of its time."""
        values = [*self]
        for name, value in columns.items():
            values[_PLACES[name]] = value
        return Delivery._make(values)

    @property
    def ref(self) -> Ref:
        return self[:2]

    @property
    def understood(self) -> bool:
        """False if it holds a word that only another release knows: whoever decides leaves it alone."""
        words = [*self[2:6], *(Channel.read(fallback["channel"]) for fallback in self.fallbacks or ())]
        if self.early_receipt is not None:
            words.append(Status.read(self.early_receipt["status"]))
        if self.secured is not None:
            words.append(self.secured)
        return "UNSPECIFIED" not in words

    def expired(self, now: dt.datetime) -> bool:
        """True if no attempt may begin at ``now`` any more."""
        return self.expires_at is not None and now >= self.expires_at

    def ends_as(self, status: Status) -> Status:
        """``status``, or what is better and certain already: a device that has it is not lost with the others."""
        return self.secured if self.secured is not None and status in _UNSENT else status

    @property
    def handed_back(self) -> int:
        """How often workers gave it back: each claim raises the fence, and counts as an attempt unless given back."""
        return self.fence - self.attempt

    def exhausted(self) -> bool:
        """True if every attempt it was allowed has begun."""
        return self.attempt >= self.attempt_limit


_PLACES = {name: place for place, name in enumerate(Delivery._fields)}


class Event(NamedTuple):
    """One thing that happened to a notification; its sequence number is given by :class:`Change`."""

    kind: Kind
    status: Status
    attempt: int = 0
    fence: int = 0
    provider: str = ""
    outcome: Outcome | None = None
    latency_ms: float | None = None
    provider_message_id: str = ""
    failure: Failure = NO_FAILURE
    #: What a receipt reported.
    reported: Status | None = None
    #: Each of rule, result, reason.
    decisions: Sequence[Mapping[str, str]] = ()
    next_attempt_at: dt.datetime | None = None
    lease_until: dt.datetime | None = None
    actor: str = ""
    worker: str = ""
    #: Of an attempt to several devices, each of them, as :mod:`services.ledger.rules.devices` stores them.
    devices: Sequence[Mapping[str, Any]] = ()


class Change(NamedTuple):
    """A new state together with the events that led to it; both are written, or neither."""

    delivery: Delivery
    events: Sequence[Event]

    @property
    def first_sequence(self) -> int:
        """The sequence number of the first event."""
        return self.delivery.revision - len(self.events) + 1
