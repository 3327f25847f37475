"""Claims that wait for one provider."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from services.delivery.rules.claim import ClaimedNotification


class WaitingClaims:
    """Tenants take turns, each with its claims in the order they came."""

    def __init__(self) -> None:
        self._by_tenant: OrderedDict[str, deque[ClaimedNotification]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, claim: ClaimedNotification) -> None:
        """Takes a claim on."""
        self._by_tenant.setdefault(claim.tenant_id, deque()).append(claim)
        self._count += 1

    def next_tenant(self, may_begin: Callable[[str], bool]) -> str | None:
        """The one whose turn it is, of those that ``may_begin`` one more; None: there is none."""
        for tenant in self._by_tenant:
            if may_begin(tenant):
                return tenant
        return None

    def take(self, tenant_id: str) -> ClaimedNotification:
        """The tenant's oldest claim; its next turn comes after the others'."""
        claims = self._by_tenant[tenant_id]
        claim = claims.popleft()
        if claims:
            self._by_tenant.move_to_end(tenant_id)
        else:
            del self._by_tenant[tenant_id]
        self._count -= 1
        return claim

    def take_all(self, tenant_id: str | None = None) -> list[ClaimedNotification]:
        """All that wait, or all of one tenant's."""
        tenants = list(self._by_tenant) if tenant_id is None else [tenant_id]
        claims = [claim for tenant in tenants for claim in self._by_tenant.pop(tenant, ())]
        self._count -= len(claims)
        return claims
