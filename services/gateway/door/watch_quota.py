"""How many watches there may be at once: of one key, of one tenant, of all callers together."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from services.gateway.config import MostWatches
from services.gateway.door.auth import Caller
from shared.errors import Code, PulseError, QuotaViolation


class WatchQuota:
    """Counts the watches of this process. A key is told by its name within its tenant, as in timelines."""

    def __init__(self, most: MostWatches) -> None:
        self.most = most
        self._open: Counter[tuple[str, ...]] = Counter()

    @property
    def count(self) -> int:
        """Watches now."""
        return self._open[()]

    @contextlib.contextmanager
    def taken(self, caller: Caller) -> Iterator[None]:
        """One watch of the caller's, until the block ends; RESOURCE_EXHAUSTED that names each limit it would exceed."""
        held = ((caller.tenant_id, caller.actor), (caller.tenant_id,), ())
        reached = [
            QuotaViolation(f"watches_{name}", f"at most {limit} watches at once", limit)
            for name, limit, whose in zip(MostWatches._fields, self.most, held, strict=True)
            if self._open[whose] >= limit
        ]
        if reached:
            raise _too_many(reached)
        self._open.update(held)
        try:
            yield
        finally:
            self._open.subtract(held)
            for whose in held[:2]:
                if not self._open[whose]:
                    del self._open[whose]


def _too_many(reached: list[QuotaViolation]) -> PulseError:
    first = reached[0]
    return PulseError(
        Code.RESOURCE_EXHAUSTED,
        "TOO_MANY_WATCHES",
        f"as many notifications are watched as may be: {first.subject} is {first.value}",
        hint="end watches that are not needed any more, or ask for the notifications from time to time",
        quotas=reached,
    )
