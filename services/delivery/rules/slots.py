"""Slots: how many of the calls to one provider that may be under way at once a tenant may hold."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Another tenant counts for so long after its last claim, s.
NEIGHBOUR_SECONDS = 60.0
#: This share of the slots is kept for the others while there are any.
KEPT_FOR_OTHERS = 1 / 4


class Slots:
    """Who holds how many; a tenant that is alone may hold all of them."""

    def __init__(self, count: int, now: Callable[[], float] = time.monotonic) -> None:
        self.count = count
        self._now = now
        self._share = count - int(count * KEPT_FOR_OTHERS)
        self._held: dict[str, int] = {}
        self._began: dict[int, tuple[str, float]] = {}
        self._last_number = 0
        self._last = self._last_other = ("", -NEIGHBOUR_SECONDS)  # two tenants that differ, and when each came last

    def holders(self, seconds: float) -> frozenset[str]:
        """Tenants with calls that have been under way for so long."""
        latest = self._now() - seconds
        return frozenset(tenant for tenant, began_at in self._began.values() if began_at <= latest)

    def came(self, tenant_id: str) -> None:
        """The tenant has a claim for the provider."""
        if tenant_id != self._last[0]:
            self._last_other = self._last
        self._last = (tenant_id, self._now())

    def may_begin(self, tenant_id: str) -> bool:
        """Whether the tenant may hold one more, if there is one."""
        return self._held.get(tenant_id, 0) < (self._share if self._has_neighbour(tenant_id) else self.count)

    def take(self, tenant_id: str) -> int:
        """A call begins; the number of its slot."""
        self._last_number += 1
        self._began[self._last_number] = (tenant_id, self._now())
        self._held[tenant_id] = self._held.get(tenant_id, 0) + 1
        return self._last_number

    def give_back(self, number: int) -> None:
        """The call in that slot is over."""
        tenant_id, _ = self._began.pop(number)
        left = self._held[tenant_id] - 1
        if left:
            self._held[tenant_id] = left
        else:
            del self._held[tenant_id]

    def _has_neighbour(self, tenant_id: str) -> bool:
        _, came_at = self._last if self._last[0] != tenant_id else self._last_other
        return self._now() - came_at < NEIGHBOUR_SECONDS
