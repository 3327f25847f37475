"""Tenant breakers: a provider that fails for one tenant alone is left alone for that tenant alone. Pure.

All of one tenant's addresses may be bad, or hang, where everybody else's are fine. A failure is held against the
provider where it fails for most tenants, and else against the tenant.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from services.delivery.rules.breaker import Breaker, BreakerPolicy, BreakerState

#: So many tenants are remembered: those for whom it fails, and those that sent last.
MOST_TENANTS = 300


@dataclass(slots=True)
class _Tenant:
    breaker: Breaker
    ended_at: float = 0.0  # its last call
    failing: bool = False  # as that call ended


class TenantBreakers:
    """How one provider does for each tenant. ``on_change`` is told a tenant, its breaker's new state and the reason."""

    def __init__(
        self, policy: BreakerPolicy, now: Callable[[], float], on_change: Callable[[str, BreakerState, str], None]
    ) -> None:
        self._policy = policy
        self._now = now
        self._on_change = on_change
        self._tenants: OrderedDict[str, _Tenant] = OrderedDict()
        self._shut: dict[str, Breaker] = {}  # those that are not CLOSED

    def avoided(self) -> list[str]:
        """Tenants that the provider is not called for, probes aside."""
        return [tenant for tenant in tuple(self._shut) if self.shut(tenant) is not None]

    def shut(self, tenant_id: str) -> Breaker | None:
        """The tenant's breaker, if the provider is not called for it, probes aside."""
        breaker = self._shut.get(tenant_id)
        return None if breaker is None or breaker.state is BreakerState.CLOSED else breaker

    def permits(self) -> list[tuple[str, tuple[Breaker, int]]]:
        """Tenants that may be tried again, each with its breaker and how many probes it permits now."""
        shut = tuple(self._shut.items())
        return [(tenant, (breaker, permits)) for tenant, breaker in shut if (permits := breaker.permits)]

    def succeeded(self, tenant_id: str) -> None:
        """A call succeeded."""
        self._ended(tenant_id, failing=False).breaker.succeeded()

    def failed(self, tenant_id: str) -> bool:
        """A call failed; True if that is the provider's fault, False if it is held against the tenant."""
        tenant = self._ended(tenant_id, failing=True)
        most_fail = self._most_fail()
        if not most_fail or self.shut(tenant_id) is not None:
            tenant.breaker.failed()
        return most_fail

    def stalled(self, tenant_id: str, seconds: float) -> bool:
        """No call has ended for ``seconds``, and those under way are all the tenant's; answers as :meth:`failed`."""
        tenant = self._ended(tenant_id, failing=True)
        most_fail = self._most_fail()
        if not most_fail or self.shut(tenant_id) is not None:
            tenant.breaker.stalled(seconds)
        return most_fail

    def _ended(self, tenant_id: str, *, failing: bool) -> _Tenant:
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            breaker = Breaker(self._policy, self._now, partial(self._changed, tenant_id))
            tenant = self._tenants[tenant_id] = _Tenant(breaker)
            if len(self._tenants) > MOST_TENANTS:
                self._forget_one(but_for=tenant_id)
        else:
            self._tenants.move_to_end(tenant_id)
        tenant.ended_at, tenant.failing = self._now(), failing
        return tenant

    def _forget_one(self, but_for: str) -> None:
        """The one longest without a call, of those that nothing is held against if there are any."""
        others = (name for name in self._tenants if name != but_for)
        harmless = (name for name in self._tenants if name not in self._shut and not self._tenants[name].failing)
        forgotten = next((name for name in harmless if name != but_for), None) or next(others)
        del self._tenants[forgotten]
        self._shut.pop(forgotten, None)

    def _most_fail(self) -> bool:
        """Whether the last call failed for more of those tenants that sent within the window than it succeeded for."""
        oldest = self._now() - self._policy.window
        balance = 0
        for tenant in reversed(self._tenants.values()):
            if tenant.ended_at < oldest:
                break
            balance += 1 if tenant.failing else -1
        return balance > 0

    def _changed(self, tenant_id: str, state: BreakerState) -> None:
        breaker = self._tenants[tenant_id].breaker
        if state is BreakerState.CLOSED:
            self._shut.pop(tenant_id, None)
        else:
            self._shut[tenant_id] = breaker
        self._on_change(tenant_id, state, breaker.reason)
