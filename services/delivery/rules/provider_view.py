"""What a worker and the ledger tell each other about a provider."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from services.delivery.rules.breaker import BreakerState


class BreakerOverride(enum.Enum):
    """What an operator wants of a breaker; the names are the contract's."""

    AUTOMATIC = enum.auto()  # failures decide
    FORCED_OPEN = enum.auto()
    FORCED_CLOSED = enum.auto()


@dataclass(frozen=True, slots=True)
class ProviderView:
    """How this worker sees a provider."""

    provider: str
    channel: str  # its name in the contract
    state: BreakerState | None  # None: it has no experience of its own
    reason: str
    since: dt.datetime


class Avoided(NamedTuple):
    """Providers that a worker must not call now."""

    by_all: frozenset[str] = frozenset()
    #: Tenants, each with a provider that is not called for it alone.
    by_tenant: frozenset[tuple[str, str]] = frozenset()

    def holds(self, tenant_id: str, provider: str) -> bool:
        """Whether ``provider`` is not called for the tenant."""
        return provider in self.by_all or (tenant_id, provider) in self.by_tenant

    def but_for(self, providers: Collection[str], pairs: Collection[tuple[str, str]]) -> Avoided:
        """The same without ``providers`` for all, and without ``pairs`` of a tenant and a provider."""
        return Avoided(self.by_all.difference(providers), self.by_tenant.difference(pairs))


NONE_AVOIDED = Avoided()


@dataclass(frozen=True, slots=True)
class Directive:
    """How all workers see it, and what operators decided."""

    provider: str
    others_open: bool = False
    override: BreakerOverride = BreakerOverride.AUTOMATIC
    paused: bool = False  # it, or its whole channel
