"""Deaths: which dead letters are meant, as a page's address or form says it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from pulse_client.calls_operations import Deaths
from services.console.web.search import Search

#: How far back one may look, by the word in the address.
WITHIN: Mapping[str, dt.timedelta] = {
    "hour": dt.timedelta(hours=1),
    "day": dt.timedelta(days=1),
    "week": dt.timedelta(weeks=1),
}
FILTERS = ("channel", "provider", "failure_code", "within")


def deaths(search: Search, now: dt.datetime) -> Deaths:
    """The API's filter; ValueError for a length of time that there is not."""
    within = search["within"]
    if within and within not in WITHIN:
        raise ValueError(f"{within!r} is no length of time; there are {', '.join(WITHIN)}")
    return Deaths(
        channel=search["channel"] or None,
        provider=search["provider"],
        failure_code=search["failure_code"],
        died_after=now - WITHIN[within] if within else None,
    )
