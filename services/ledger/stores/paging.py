"""Pages by key: where the next page begins, and that it is asked for with the same filter."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from typing import NamedTuple

from services.ledger.rules.delivery import Channel
from services.ledger.rules.states import Status

_CHECK_BYTES = 8


class BadToken(Exception):
    """The page token was not made for this filter."""


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


class TemplateFilter(NamedTuple):
    """Which templates."""

    tenant_id: str
    channel: Channel | None = None


class SuppressionFilter(NamedTuple):
    """Which suppressions."""

    tenant_id: str
    user_id: str


#: What pages can be asked for.
AnyFilter = Filter | DeadLetterFilter | TemplateFilter | SuppressionFilter


def token(last: str, wanted: AnyFilter) -> str:
    """An opaque token for the page after the one that ends with ``last``."""
    return base64.urlsafe_b64encode(_check(wanted) + last.encode()).decode().rstrip("=")


def last(token: str, wanted: AnyFilter) -> str:
    """What the last page ended with; empty for an empty token. Raises :class:`BadToken`."""
    if not token:
        return ""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        found = raw[_CHECK_BYTES:].decode()
    except (binascii.Error, ValueError):
        raise BadToken from None
    if raw[:_CHECK_BYTES] != _check(wanted) or not found:
        raise BadToken
    return found


def _check(wanted: AnyFilter) -> bytes:
    return hashlib.sha256(repr(tuple(map(str, wanted))).encode()).digest()[:_CHECK_BYTES]
