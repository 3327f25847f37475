"""Whether a failed HTTP call can have reached the provider, and when it may be called again."""

from __future__ import annotations

import datetime as dt
import email.utils
import ssl
from collections.abc import Iterator

import requests.exceptions
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NewConnectionError, ProxyError

from services.delivery.providers.base.call import Call

#: Raised while a connection is being made: nothing of the request has been sent.
_BEFORE_SENDING = (
    NewConnectionError,  # refused, no route, unknown name
    ConnectTimeoutError,
    requests.exceptions.ConnectTimeout,
    LocationParseError,
    ProxyError,
    ssl.SSLCertVerificationError,
)
#: Longest Retry-After that is passed on, s.
LONGEST_RETRY_AFTER = 24 * 3600.0


def never_sent(error: BaseException, call: Call) -> bool:
    """True if ``error``, which ended ``call``, or the call shows that no byte of the request went out.

    Any doubt is False.
    """
    return not call.sent or any(isinstance(cause, _BEFORE_SENDING) for cause in _causes(error))


def retry_after_seconds(header: str | None, now: dt.datetime) -> float | None:
    """Reads Retry-After, seconds or a date (RFC 9110, section 10.2.3); None if it is absent or unreadable."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return min(max((when - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and all that it was made from: requests and urllib3 hide causes in arguments and ``reason``."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        candidate = waiting.pop()
        if not isinstance(candidate, BaseException) or id(candidate) in seen:
            continue
        seen.add(id(candidate))
        yield candidate
        waiting += [*candidate.args, getattr(candidate, "reason", None), candidate.__cause__]
