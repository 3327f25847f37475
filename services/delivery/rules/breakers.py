"""Breakers: which providers a worker may call now, by its own experience, the other workers' and operators' word.

Where a provider works for most tenants, its failures for another are held against that tenant alone.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from services.delivery.rules.breaker import Breaker, BreakerPolicy, BreakerState
from services.delivery.rules.claim import Claim, Settlement
from services.delivery.rules.provider import Cause, OutcomeKind
from services.delivery.rules.provider_view import Avoided, Directive, Override, ProviderView
from services.delivery.rules.tenant_breakers import TenantBreakers
from shared.clock import Clock
from shared.observe.logs import logger

#: Told of every new state of a provider's breaker.
Watch = Callable[[str, BreakerState], None]

#: Unless they are about the recipient, they are the provider's.
_FAILURES = frozenset({OutcomeKind.UNANSWERED, OutcomeKind.TRANSIENT_FAILURE})

log = logger(__name__)


@dataclass(slots=True)
class _Provider:
    channel: str
    breaker: Breaker
    tenants: TenantBreakers
    since: dt.datetime
    directive: Directive
    probing: set[tuple[str, int]] = field(default_factory=set)  # notification id and fence

    @property
    def is_forced_closed(self) -> bool:
        """Whether operators have it called whatever it does."""
        return self.directive.override is Override.FORCED_CLOSED

    @property
    def avoided(self) -> bool:
        """Whether it is not called now, probes aside."""
        if self.directive.paused or self.directive.override is Override.FORCED_OPEN:
            return True
        if self.is_forced_closed:
            return False
        return self.breaker.state is not BreakerState.CLOSED

    @property
    def permits(self) -> int:
        """Probes that may be begun now."""
        decided = self.directive.paused or self.directive.override is not Override.AUTOMATIC
        return 0 if decided else self.breaker.permits


@dataclass(frozen=True, slots=True)
class Probe:
    """Leave to claim ``count`` notifications at the most by providers that are otherwise avoided."""

    providers: frozenset[str]
    count: int


class Breakers:
    """One breaker for each provider, and one for each tenant that it fails for alone.

    ``hand_back`` is called with the name of each that is avoided from now on, and for which tenant; None: for all.
    """

    def __init__(
        self,
        channels: Mapping[str, str],
        policy: BreakerPolicy,
        clock: Clock,
        *,
        hand_back: Callable[[str, str | None], None],
        watch: Watch,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._hand_back = hand_back
        self._watch = watch
        self._providers = {
            name: _Provider(
                channel,
                Breaker(policy, now, partial(self._changed, name)),
                TenantBreakers(policy, now, partial(self._changed_for, name)),
                clock.now(),
                Directive(name),
            )
            for name, channel in channels.items()
        }

    def avoided(self) -> Avoided:
        """Providers that no notification, or none of a tenant's, may be claimed for, probes aside."""
        by_all = frozenset(name for name, provider in self._providers.items() if provider.avoided)
        by_tenant = frozenset(
            (tenant_id, name)
            for name, provider in self._providers.items()
            if not provider.is_forced_closed
            for tenant_id in provider.tenants.avoided()
        )
        return Avoided(by_all, by_tenant)

    def tried(self, name: str, tenant_id: str) -> int | None:
        """Calls that may be under way for the tenant while a provider is tried again for it; None: it is not."""
        provider = self._providers[name]
        return None if provider.is_forced_closed else provider.tenants.most_at_once(tenant_id)

    def begin_probe(self) -> Probe | None:
        """Takes all permits there are; :meth:`claimed` gives back what was not used. None if nothing is to be tried."""
        ready = {name: permits for name, provider in self._providers.items() if (permits := provider.permits)}
        if not ready:
            return None
        probe = Probe(frozenset(ready), min(ready.values()))
        for name in ready:
            self._providers[name].breaker.begin_probes(probe.count)
        return probe

    def claimed(self, probe: Probe, claims: Iterable[Claim]) -> None:
        """What a probe led to; nothing, if it could not be made."""
        left = dict.fromkeys(probe.providers, probe.count)
        for claim in claims:
            if left.get(claim.provider):
                left[claim.provider] -= 1
                self._providers[claim.provider].probing.add(_key(claim))
        for name, unused in left.items():
            for _ in range(unused):
                self._providers[name].breaker.end_probe()

    def is_closed_to(self, claim: Claim) -> bool:
        """Whether ``claim`` must not be sent: its provider came to be avoided after it was asked for."""
        provider = self._providers[claim.provider]
        if provider.avoided and _key(claim) not in provider.probing:
            return True
        return not provider.is_forced_closed and provider.tenants.is_open(claim.tenant_id)

    def ended(self, settlement: Settlement) -> None:
        """Learns from how an attempt ended; a refusal of one address says nothing about the provider."""
        provider = self._providers.get(settlement.claim.provider)
        if provider is None:
            return
        if _key(settlement.claim) in provider.probing:
            provider.probing.remove(_key(settlement.claim))
            provider.breaker.end_probe()
        if not settlement.called:
            return
        outcome, tenant_id = settlement.outcome, settlement.claim.tenant_id
        if outcome.kind is OutcomeKind.SUCCEEDED:
            provider.tenants.succeeded(tenant_id)
            provider.breaker.succeeded()
        elif outcome.kind in _FAILURES and outcome.cause is not Cause.RECIPIENT and provider.tenants.failed(tenant_id):
            provider.breaker.failed()

    def stalled(self, name: str, seconds: float, tenants: frozenset[str]) -> str | None:
        """No call has ended for ``seconds``, though some are under way, for ``tenants``.

        Gives the one that this is held against; None: it is held against the provider.
        """
        provider = self._providers[name]
        if len(tenants) == 1:
            (tenant_id,) = tenants
            if not provider.tenants.stalled(tenant_id, seconds):
                return tenant_id
        provider.breaker.stalled(seconds)
        return None

    def views(self) -> list[ProviderView]:
        """How this worker sees its providers."""
        views = []
        for name, provider in self._providers.items():
            state = provider.breaker.state
            seen = None if provider.breaker.adopted else state
            views.append(ProviderView(name, provider.channel, seen, provider.breaker.reason, provider.since))
        return views

    def follow(self, directives: Sequence[Directive]) -> None:
        """Takes in how all see them, and what operators decided."""
        for directive in directives:
            provider = self._providers.get(directive.provider)
            if provider is None:
                continue
            was_avoided = provider.avoided
            provider.directive = directive
            provider.breaker.hear(directive.others_open)
            if provider.avoided and not was_avoided:
                self._hand_back(directive.provider, None)

    def _changed(self, name: str, state: BreakerState) -> None:
        provider = self._providers[name]
        provider.since = self._clock.now()
        log.warning("breaker", provider=name, state=state.name, reason=provider.breaker.reason)
        self._watch(name, state)
        if state is BreakerState.OPEN and not provider.is_forced_closed:
            self._hand_back(name, None)

    def _changed_for(self, name: str, tenant_id: str, state: BreakerState, reason: str) -> None:
        log.warning("breaker", provider=name, tenant_id=tenant_id, state=state.name, reason=reason)
        if state is BreakerState.OPEN and not self._providers[name].is_forced_closed:
            self._hand_back(name, tenant_id)


def _key(claim: Claim) -> tuple[str, int]:
    return claim.notification_id, claim.fence
