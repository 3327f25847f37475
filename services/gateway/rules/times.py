"""When a notification may go: from ``send_at`` to ``expires_at``."""

from __future__ import annotations

import datetime as dt

from shared.errors import invalid_field

#: How far in the past ``send_at`` may lie: clocks differ, and a request may have waited to be sent.
TOLERANCE = dt.timedelta(minutes=5)
#: The furthest ``send_at``, and the longest life after it.
FURTHEST = dt.timedelta(days=366)


def check_send_at(now: dt.datetime, send_at: dt.datetime | None) -> None:
    """Raises INVALID_ARGUMENT if ``send_at`` is long past or too far ahead."""
    if send_at is None:
        return
    if send_at < now - TOLERANCE:
        raise invalid_field(
            "send_at", "SEND_AT_PAST", "lies more than 5 minutes in the past", "leave it out to send at once"
        )
    if send_at - now > FURTHEST:
        raise invalid_field("send_at", "SEND_AT_TOO_FAR", "lies more than 366 days ahead")


def expiry(
    now: dt.datetime, send_at: dt.datetime | None, expires_at: dt.datetime | None, ttl: dt.timedelta | None
) -> dt.datetime | None:
    """When the notification expires, from ``expires_at`` or ``ttl``; raises INVALID_ARGUMENT if that cannot be.

    ``ttl`` counts from ``send_at``, or from ``now`` where that is unset or past.
    """
    begins = max(now, send_at) if send_at else now
    if ttl is not None:
        return begins + ttl
    if expires_at is None:
        return None
    if expires_at <= now:
        raise invalid_field("expires_at", "EXPIRES_AT_PAST", "lies in the past")
    if expires_at <= begins:
        raise invalid_field("expires_at", "EXPIRES_BEFORE_SEND_AT", "does not lie after send_at")
    if expires_at - begins > FURTHEST:
        raise invalid_field("expires_at", "EXPIRES_AT_TOO_FAR", "lies more than 366 days after the time of sending")
    return expires_at
