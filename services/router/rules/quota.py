"""Quota: which limits a submission counts in, what the limiter is asked, and what it can answer.

A reservation is one admission's share of a window. It is held under a token: the idempotency key's hash, so
that repeating a key reserves nothing more, or else the notification's id.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.channel import address_keys

#: What limits of money count in: millionths of the currency that prices are set in.
MILLIONTHS = 1_000_000


class Kind(enum.Enum):
    """What is limited; the value is the name that callers see."""

    USER_CHANNEL = "user_channel"
    RECIPIENT = "recipient"
    TENANT = "tenant"
    SMS_PREFIX = "sms_prefix"
    SMS_SPEND = "sms_spend"


#: Kinds counted by a log with one entry for each admission, exact to the microsecond. The others can be large: they
#: are counted in slots, a 60th of the window each, which round against the caller.
LOGGED = (Kind.USER_CHANNEL, Kind.RECIPIENT)


@dataclass(frozen=True, slots=True)
class WindowLimit:
    """At most ``count`` admissions, or millionths of money, in any window of ``seconds``."""

    count: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.count} per {self.seconds:g} s"


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """One limit as it concerns submissions that the same rules apply to; equal only to itself.

    ``scope`` says in words what it counts. Counted under ``key``, or, where that is empty, for each user (and
    ``template``, unless empty) or each address by ``channel``.
    """

    kind: Kind
    limit: WindowLimit
    scope: str
    cost: int = 1
    channel: str = ""
    template: str = ""
    key: str = ""

    def __str__(self) -> str:
        if self.kind is Kind.SMS_SPEND:
            return f"{self.limit.count / MILLIONTHS:g} per {self.limit.seconds:g} s {self.scope}"
        return f"{self.limit} {self.scope}"


@dataclass(frozen=True, slots=True, eq=False)
class ApplicableLimits:
    """All limits that a submission counts in; the first is that of its user and channel.

    Equal only to itself: submissions that the same rules apply to share one.
    """

    bounds: tuple[Bound, ...]


class QuotaRequest(NamedTuple):
    """A request for one admission under each limit of ``applicable``; ``keys`` are theirs, in their order."""

    applicable: ApplicableLimits
    keys: tuple[str, ...]
    token: str  # what holds the reservation
    counted: bool = True  # False only asks whether there is room
    strict: bool = False  # refused, not counted here alone, while the shared count is away


class Reservation(NamedTuple):
    """What was newly reserved, to be given back if nothing comes of it."""

    request: QuotaRequest
    taken_at: int | None  # in the shared window's time, µs; None: taken in this process alone
    noted_at: float  # when this process noted it, s by its own monotonic clock


class LimitState(NamedTuple):
    """Where the caller stands in the limit that is nearest to its end."""

    bound: Bound
    remaining: int
    reset: float  # s until more becomes free


class Admitted(NamedTuple):
    """It may go. ``reservation`` is None if it cost none: a repetition, or only a question."""

    reservation: Reservation | None
    state: LimitState
    local: bool = False  # counted by this process alone


class LimitReached(NamedTuple):
    """A limit is reached, that of ``state``; there is room after its ``reset``."""

    state: LimitState


class Closed(NamedTuple):
    """The shared count is away and the request cannot do without; worth another try in ``retry_after`` s."""

    retry_after: float


Verdict = Admitted | LimitReached | Closed


def window_key(tenant_id: str, user_id: str, channel: str, template: str = "") -> str:
    """Whose window, as 32 hex digits: nothing personal stands in Redis. A template may have one of its own."""
    own = _apart("template", template) if template else ""
    return _digest(f"{len(tenant_id)}:{tenant_id}{len(user_id)}:{user_id}{channel}{own}")


def address_key(tenant_id: str, channel: str, address: str) -> str:
    """An address's window, likewise."""
    whose = address_keys.address_key(channel, address)
    return _digest(f"7:address{len(tenant_id)}:{tenant_id}{len(channel)}:{channel}{len(whose)}:{whose}")


def tenant_key(kind: Kind, tenant_id: str, seconds: float, subject: str = "") -> str:
    """A whole tenant's window, likewise. Slots of one length cannot be read as slots of another: it has its own."""
    return _digest(_apart(kind.value, tenant_id, f"{seconds:g}", subject))


def reservation_token(tenant_id: str, idempotency_key: str, notification_id: str) -> str:
    """What holds the reservation: the key's hash if there is a key, else the notification's id."""
    return _digest(f"{len(tenant_id)}:{tenant_id}{idempotency_key}") if idempotency_key else notification_id


def limit_reason(applicable: ApplicableLimits, admitted: Admitted) -> str:
    """Why it was admitted, in one sentence."""
    if admitted.reservation is None:
        return "The idempotency key has its place already."
    bound, left = admitted.state.bound, _amount(admitted.state)
    if admitted.local:
        return f"Within {bound}, counted by one router alone while Redis is away."
    if len(applicable.bounds) == 1:
        return f"Within {bound}, {left} left."
    looked_at = ", ".join(dict.fromkeys(one.kind.value for one in applicable.bounds))
    return f"Within all of {looked_at}; nearest to its end is {bound}, {left} left."


def nearest(states: Sequence[LimitState]) -> LimitState:
    """The one with the smallest share left; the first of equals."""
    return min(states, key=lambda one: one.remaining / max(one.bound.limit.count, 1))


def _amount(state: LimitState) -> str:
    if state.bound.kind is Kind.SMS_SPEND:
        return f"{state.remaining / MILLIONTHS:g}"
    return str(state.remaining)


def _apart(*names: str) -> str:
    """Names with their lengths, which keep them apart however they are cut."""
    return "".join([f"{len(name)}:{name}" for name in names])


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
