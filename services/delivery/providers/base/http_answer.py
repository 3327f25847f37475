"""What a request by HTTP came to: an answer, or one of the two ways to get none."""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Mapping
from typing import NamedTuple

#: Longest Retry-After that is passed on, s.
LONGEST_RETRY_AFTER = 24 * 3600.0


class Answer(NamedTuple):
    """One answer. Names of headers are in lower case; of a name given twice the last value counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def retry_after(self, now: dt.datetime) -> float | None:
        """Seconds after which the server wants to be asked again; None if it does not say."""
        return retry_after_seconds(self.headers.get("retry-after"), now)


class NotSent(OSError):
    """No byte of the request went out: no address, no connection, no encryption, or no time."""


class NotPublic(NotSent):
    """As above: the server's addresses are private ones, where only public ones may be called."""


class NoAnswer(OSError):
    """The request went out, and there is no whole answer to it.

    ``begun`` is the answer as far as it came, once its head was complete.
    """

    def __init__(self, why: str, begun: Answer | None = None) -> None:
        super().__init__(why)
        self.begun = begun


def retry_after_seconds(header: str | None, now: dt.datetime) -> float | None:
    """Reads Retry-After, seconds or a date (RFC 9110, section 10.2.3); None if it is absent or unreadable."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # numbers in it are as long as others like
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return min(max((when - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER)
