"""Slots: how many of the calls to one provider that may be under way at once a tenant may hold."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

#: Another tenant counts for so long after its last claim, s.
NEIGHBOUR_SECONDS = 60.0
#: This share of the slots is kept for the others while there are any.
KEPT_FOR_OTHERS = 1 / 4


class Slots:
    """Who holds how many; a tenant that is alone may hold all of them.

    ``tried`` gives how many a tenant may hold at the most while a provider is tried again for it; None: it is not.
    """

    def __init__(
        self, count: int, tried: Callable[[str], int | None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.count = count
        self._tried = tried
        self._now = now
        self._share = count - int(count * KEPT_FOR_OTHERS)
        self._held: Counter[str] = Counter()
        self._last = self._last_other = ("", -NEIGHBOUR_SECONDS)  # two tenants that differ, and when each came last

    @property
    def holders(self) -> frozenset[str]:
        """Tenants with calls under way."""
        return frozenset(self._held)

    def came(self, tenant_id: str) -> None:
        """The tenant has a claim for the provider."""
        if tenant_id != self._last[0]:
            self._last_other = self._last
        self._last = (tenant_id, self._now())

    def may_begin(self, tenant_id: str) -> bool:
        """Whether the tenant may hold one more, if there is one."""
        most = self._tried(tenant_id)
        if most is None:
            most = self._share if self._has_neighbour(tenant_id) else self.count
        return self._held[tenant_id] < most

    def take(self, tenant_id: str) -> None:
        """A call begins."""
        self._held[tenant_id] += 1

    def give_back(self, tenant_id: str) -> None:
        """A call is over."""
        self._held[tenant_id] -= 1
        if not self._held[tenant_id]:
            del self._held[tenant_id]

    def _has_neighbour(self, tenant_id: str) -> bool:
        _, came_at = self._last if self._last[0] != tenant_id else self._last_other
        return self._now() - came_at < NEIGHBOUR_SECONDS
