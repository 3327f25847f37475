"""Protobuf's times and lengths of time, to and from the standard library's."""

from __future__ import annotations

import datetime as dt

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def to_timestamp(moment: dt.datetime | None) -> Timestamp | None:
    """Of an aware datetime; ``None`` stays ``None``: an unset field."""
    if moment is None:
        return None
    stamp = Timestamp()
    set_timestamp(stamp, moment)
    return stamp


def set_timestamp(stamp: Timestamp, moment: dt.datetime) -> None:
    """Has ``stamp`` say an aware ``moment``.

    By hand: protobuf's own way takes four times as long, and there are some for each notification at every hop.
    """
    since = moment - _EPOCH
    stamp.seconds, stamp.nanos = since.days * 86_400 + since.seconds, since.microseconds * 1_000


def from_timestamp(stamp: Timestamp) -> dt.datetime:
    """An aware datetime in UTC, to the microsecond; ValueError or OverflowError if it cannot be one."""
    try:
        return dt.datetime.fromtimestamp(stamp.seconds, dt.UTC).replace(microsecond=stamp.nanos // 1_000)
    except OSError:  # what some C libraries say of a year that is far too large
        raise OverflowError("no such year") from None


def to_duration(seconds: float) -> Duration:
    """From seconds, to the microsecond."""
    duration = Duration()
    duration.FromTimedelta(dt.timedelta(seconds=seconds))
    return duration


def from_duration(duration: Duration) -> float:
    """In seconds."""
    return duration.seconds + duration.nanos / 1e9
