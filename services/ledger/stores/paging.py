"""Pages by key: where the next page begins, and that it is asked for with the same filter."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from typing import NamedTuple

from services.ledger.rules.states import Status
from shared.channel.table import Channel
from shared.errors import Code, PulseError

_CHECK_BYTES = 8


class Filter(NamedTuple):
    """Which notifications; what is empty or None does not matter."""

    tenant_id: str
    user_id: str = ""
    statuses: tuple[Status, ...] = ()
    channel: Channel | None = None
    template_name: str = ""
    created_after: dt.datetime | None = None
    created_before: dt.datetime | None = None
    provider: str = ""
    failure_code: str = ""


class DeadLetterFilter(NamedTuple):
    """Which dead letters; what is empty or None does not matter."""

    tenant_id: str
    channel: Channel | None = None
    provider: str = ""
    failure_code: str = ""
    died_after: dt.datetime | None = None
    died_before: dt.datetime | None = None


class WaitingFilter(NamedTuple):
    """Which of those that wait to be sent; what is empty or None does not matter."""

    tenant_id: str
    user_id: str = ""
    channel: Channel | None = None
    template_name: str = ""
    category: str = ""
    idempotency_key: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    created_after: dt.datetime | None = None
    created_before: dt.datetime | None = None


class TemplateFilter(NamedTuple):
    """Which templates."""

    tenant_id: str
    channel: Channel | None = None


class SenderFilter(NamedTuple):
    """Which senders."""

    tenant_id: str
    channel: Channel | None = None


class FragmentFilter(NamedTuple):
    """Which fragments."""

    tenant_id: str


class SuppressionFilter(NamedTuple):
    """Which suppressions."""

    tenant_id: str
    user_id: str


class EventDeliveryFilter(NamedTuple):
    """Which deliveries of a subscription; an empty state: in any."""

    tenant_id: str
    subscription_id: str
    state: str


#: What pages can be asked for.
AnyFilter = (
    Filter | DeadLetterFilter | TemplateFilter | FragmentFilter | SenderFilter | SuppressionFilter | EventDeliveryFilter
)


def token(last: str, wanted: AnyFilter) -> str:
    """An opaque token for the page after the one that ends with ``last``."""
    return base64.urlsafe_b64encode(_check(wanted) + last.encode()).decode().rstrip("=")


def last(token: str, wanted: AnyFilter) -> str:
    """What the last page ended with; empty for an empty token. Raises INVALID_ARGUMENT."""
    if not token:
        return ""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        found = raw[_CHECK_BYTES:].decode()
    except (binascii.Error, ValueError):
        raise bad_token() from None
    if raw[:_CHECK_BYTES] != _check(wanted) or not found:
        raise bad_token()
    return found


def bad_token() -> PulseError:
    """INVALID_ARGUMENT: the page token was not made for this filter."""
    return PulseError(
        Code.INVALID_ARGUMENT,
        "INVALID_PAGE_TOKEN",
        "the page token was not given out for these filters",
        hint="pass next_page_token of the last page, with the same filters; or none, to begin again",
    )


def _check(wanted: AnyFilter) -> bytes:
    return hashlib.sha256(repr(tuple(map(str, wanted))).encode()).digest()[:_CHECK_BYTES]
