"""Buckets: pieces of one length that a window of time is cut into."""

from __future__ import annotations

import datetime as dt

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: A window is cut into no more: the thousand that may be asked for, and one that the window only touches.
MOST = 1_001


def starts(since: dt.datetime, now: dt.datetime, length: dt.timedelta) -> list[dt.datetime]:
    """When the buckets begin that a window from ``since`` to ``now`` touches: at multiples of ``length`` since 1970.

    The first begins at or before ``since``. There are ``MOST`` at the most, the first of the window.
    """
    first = since - (since - _EPOCH) % length
    count = min((now - first) // length + 1, MOST)
    return [first + length * number for number in range(count)]
