"""Quiet hours: when a recipient wants to be left alone, in the time of the place where he lives.

Local times are turned into moments as RFC 5545, section 3.3.5, says: a time that is skipped when clocks go forward is
told by the clock of before, and of a time that comes twice when they go back the first is meant. Only where quiet hours
end the second is, so that they never end early.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import NamedTuple

_DAY = dt.timedelta(days=1)


class QuietHours(NamedTuple):
    """Every day from one local time to another; ``until`` before ``start`` means the next day."""

    start: dt.time
    until: dt.time
    zone: dt.tzinfo

    def end(self, at: dt.datetime) -> dt.datetime | None:
        """When the quiet hours that ``at`` lies in are over, in UTC; None: it lies in none."""
        today = at.astimezone(self.zone).date()
        for day in (today - _DAY, today):
            begins, ends = self._on(day)
            if begins <= at < ends:
                return ends
        return None

    def _on(self, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
        """The quiet hours that begin on a local day; empty, end before beginning, where an hour is skipped."""
        last = day if self.start < self.until else day + _DAY
        begins = dt.datetime.combine(day, self.start, self.zone)
        ends = dt.datetime.combine(last, self.until, self.zone)
        # In a skipped hour it is the other way round: there fold=1 is the earlier moment (PEP 495).
        return _utc(begins), max(_utc(ends), _utc(ends.replace(fold=1)))


def quiet_hours(quiet_from: str, quiet_until: str, time_zone: str) -> QuietHours | None:
    """From local times HH:MM, None if there are none. Raises ValueError for a time or zone that cannot be."""
    if not quiet_from or not quiet_until:
        return None
    return QuietHours(dt.time.fromisoformat(quiet_from), dt.time.fromisoformat(quiet_until), zone(time_zone))


def zone(name: str) -> dt.tzinfo:
    """A time zone by its IANA name; empty: UTC. Raises ValueError for one that is not known."""
    if not name:
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone of the IANA database") from None


def _utc(local: dt.datetime) -> dt.datetime:
    return local.astimezone(dt.UTC)
