"""When a provider that takes notifications over does not report on them in time. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple


class DelayRules(NamedTuple):
    """When a provider's receipts are slow."""

    #: Those who are known to send receipts.
    providers: Sequence[str]
    #: A receipt that has not come by then is late.
    late_after: dt.timedelta
    #: Only what was taken over so recently counts.
    window: dt.timedelta
    #: Slow above this share of late ones, of at least so many.
    threshold: float
    at_least: int
    #: A finding is believed for so long.
    believed: dt.timedelta

    def slow(self, taken: int, late: int) -> bool:
        """True if too many of those taken over were not reported on in time."""
        return taken >= self.at_least and late > taken * self.threshold
