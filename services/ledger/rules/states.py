"""Where a notification may stand and what may follow: the transition table, as data."""

from __future__ import annotations

from services.ledger.rules.words import Word


class Status(Word):
    """Where a notification stands; the names are the contract's."""

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


#: No worker holds it: it may be claimed, taken back or put off.
WAITING = frozenset({Status.SCHEDULED, Status.QUEUED, Status.RETRYING})

#: Nothing more happens to it, unless an operator replays a dead letter, a receipt settles what was unknown, or the one
#: that was to tell it in a digest is not sent.
TERMINAL = frozenset(
    {
        Status.DELIVERED,
        Status.UNDELIVERED,
        Status.FAILED,
        Status.UNKNOWN,
        Status.EXPIRED,
        Status.CANCELLED,
        Status.SUPPRESSED,
    }
)

#: Buried, and replayable by an operator.
DEAD_LETTERS = frozenset({Status.FAILED, Status.UNKNOWN, Status.UNDELIVERED})

_TAKEN_BACK = frozenset({Status.EXPIRED, Status.CANCELLED, Status.SUPPRESSED})
_RECEIPTS = frozenset({Status.DELIVERED, Status.UNDELIVERED})

#: What may directly follow each status. A receipt can overtake the settlement of its own attempt, or come after that
#: attempt was given up: it is then the answer that was missing. What waits can be put off to a time that its recipient
#: prefers, or fail for want of an address. What a digest was to tell comes back when
#: the one that was to tell it is not sent: it then tells the digest itself.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.UNSPECIFIED: frozenset(),
    Status.SCHEDULED: _TAKEN_BACK | {Status.SENDING, Status.DELIVERED, Status.FAILED},
    Status.QUEUED: _TAKEN_BACK | {Status.SCHEDULED, Status.SENDING, Status.DELIVERED, Status.FAILED},
    Status.SENDING: _RECEIPTS | {Status.QUEUED, Status.RETRYING, Status.SENT, Status.FAILED, Status.UNKNOWN},
    Status.RETRYING: _TAKEN_BACK | {Status.SCHEDULED, Status.SENDING, Status.DELIVERED, Status.FAILED},
    Status.SENT: _RECEIPTS,
    Status.DELIVERED: frozenset(),
    Status.UNDELIVERED: frozenset({Status.QUEUED}),
    Status.FAILED: frozenset({Status.QUEUED}),
    Status.UNKNOWN: _RECEIPTS | {Status.QUEUED},
    Status.EXPIRED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.SUPPRESSED: frozenset({Status.SCHEDULED}),
}


#: From where it may move on to its next channel, to be QUEUED there: what waits, what was taken over and did not arrive
#: in time, and, within the change that ended it, what failed for good.
LEAVABLE = WAITING | {Status.SENT, Status.FAILED, Status.UNDELIVERED}


#: What it may end as while it waits, if it went to several devices before: what is known of those.
_SECURED = frozenset({Status.SENT, Status.UNKNOWN})


class IllegalTransition(Exception):
    """A rule tried a step that the table does not allow: a bug, never a caller's mistake."""


def step(before: Status, after: Status, *, falls_back: bool = False, secured: bool = False) -> Status:
    """``after``, if it may directly follow ``before`` or is the same; else :class:`IllegalTransition`.

    ``falls_back``: by moving on to the next channel, which is the only way from SENT to QUEUED. ``secured``: with what
    is known of devices that it went to before, which is the only way from what waits to SENT or UNKNOWN.
    """
    allowed = (before in LEAVABLE and after is Status.QUEUED) if falls_back else after in TRANSITIONS[before]
    allowed = allowed or (secured and before in WAITING and after in _SECURED)
    if not allowed and (falls_back or after is not before or after is Status.UNSPECIFIED):
        raise IllegalTransition(f"{before} may not become {after}")
    return after
