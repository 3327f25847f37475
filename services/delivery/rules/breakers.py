"""Breakers: which providers a worker may call now, by its own experience, the other workers' and operators' word.

Where a provider works for most tenants, its failures for another are held against that tenant alone.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from services.delivery.rules.breaker import Breaker, BreakerPolicy, BreakerState
from services.delivery.rules.claim import ClaimedNotification, Settlement
from services.delivery.rules.provider import Cause, Outcome, OutcomeKind
from services.delivery.rules.provider_view import Avoided, BreakerOverride, Directive, ProviderView
from services.delivery.rules.tenant_breakers import TenantBreakers
from shared.clock import Clock
from shared.observe.logs import logger
from shared.refs import Ref

#: Tenants with a provider to avoid for them that one claim names.
MOST_AVOIDED = 1000
#: A tenant's id and a provider's name.
TenantsProvider = tuple[str, str]
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

    @property
    def is_forced_closed(self) -> bool:
        """Whether operators have it called whatever it does."""
        return self.directive.override is BreakerOverride.FORCED_CLOSED

    @property
    def avoided(self) -> bool:
        """Whether it is not called now, probes aside."""
        if self.directive.paused or self.directive.override is BreakerOverride.FORCED_OPEN:
            return True
        if self.is_forced_closed:
            return False
        return self.breaker.state is not BreakerState.CLOSED

    @property
    def is_decided(self) -> bool:
        """Whether an operator says if it is called."""
        return self.directive.paused or self.directive.override is not BreakerOverride.AUTOMATIC


@dataclass(frozen=True, slots=True)
class Probe:
    """Leave to claim a few notifications by providers that are otherwise avoided, for all or for some tenants."""

    count: int  # for each of ``providers``
    providers: Mapping[str, Breaker]
    tries: Mapping[TenantsProvider, tuple[Breaker, int]]  # for a tenant, and how many

    @property
    def permits(self) -> dict[Breaker, int]:
        """How many of each breaker's it has."""
        return {**dict.fromkeys(self.providers.values(), self.count), **dict(self.tries.values())}

    def of(self, refs: Sequence[Ref]) -> list[Ref]:
        """Those of ``refs`` that may be claimed so."""
        left: dict[str, int] = {}
        for (tenant_id, _), (_, most) in self.tries.items():
            left[tenant_id] = min(most, left.get(tenant_id, most))
        chosen = []
        for number, ref in enumerate(refs):
            may_try = left.get(ref[0], 0) > 0
            if number < self.count or may_try:
                left[ref[0]] = left.get(ref[0], 0) - 1
                chosen.append(ref)
        return chosen


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
        self._probing: dict[tuple[str, int, str], list[Breaker]] = {}  # by notification id, fence and provider

    def avoided(self) -> Avoided:
        """Providers that no notification, or none of a tenant's, may be claimed for, probes aside."""
        by_all = frozenset(name for name, provider in self._providers.items() if provider.avoided)
        by_tenant = [
            (tenant_id, name)
            for name, provider in self._providers.items()
            if not provider.is_forced_closed
            for tenant_id in provider.tenants.avoided()
        ]
        return Avoided(by_all, frozenset(by_tenant[:MOST_AVOIDED]))

    def begin_probe(self, refs: Sequence[Ref]) -> Probe | None:
        """Takes all permits there are for what ``refs`` may be; :meth:`claimed` gives back those that were not used.

        None if nothing is to be tried.
        """
        undecided = {name: one for name, one in self._providers.items() if not one.is_decided}
        ready = {name: permits for name, one in undecided.items() if (permits := one.breaker.permits)}
        providers = {name: self._providers[name].breaker for name in ready}
        tries = {
            (tenant_id, name): permits
            for name, one in undecided.items()
            for tenant_id, permits in one.tenants.permits()
        }
        if tries:
            tenants = {tenant_id for tenant_id, _ in refs}
            tries = {pair: permits for pair, permits in tries.items() if pair[0] in tenants}
        if not providers and not tries:
            return None
        probe = Probe(min(ready.values(), default=0), providers, tries)
        for breaker, count in probe.permits.items():
            breaker.begin_probes(count)
        return probe

    def claimed(self, probe: Probe, claims: Iterable[ClaimedNotification]) -> None:
        """What a probe led to; nothing, if it could not be made."""
        left = probe.permits
        for claim in claims:
            for name in claim.providers:
                own, _ = probe.tries.get((claim.tenant_id, name), (None, 0))
                for breaker in (probe.providers.get(name), own):
                    if breaker is not None and left[breaker]:
                        left[breaker] -= 1
                        self._probing.setdefault(_key(claim, name), []).append(breaker)
        for breaker, unused in left.items():
            for _ in range(unused):
                breaker.end_probe()

    def is_closed_to(self, claim: ClaimedNotification) -> bool:
        """Whether ``claim`` must not be sent: its provider came to be avoided after it was asked for."""
        provider = self._providers[claim.provider]
        tried = self._probing.get(_key(claim, claim.provider), ())
        if provider.avoided and provider.breaker not in tried:
            return True
        own = provider.tenants.shut(claim.tenant_id)
        return own is not None and own not in tried and not provider.is_forced_closed

    def ended(self, settlement: Settlement) -> None:
        """Learns from how an attempt ended; a refusal of one address says nothing about the provider."""
        provider = self._providers.get(settlement.claim.provider)
        if provider is None:
            return
        for breaker in self._probing.pop(_key(settlement.claim, settlement.claim.provider), ()):
            breaker.end_probe()
        if not settlement.called:
            return
        outcome, tenant_id = settlement.outcome, settlement.claim.tenant_id
        if outcome.kind is OutcomeKind.SUCCEEDED:
            provider.tenants.succeeded(tenant_id)
            provider.breaker.succeeded()
        elif _counts(outcome) and provider.tenants.failed(tenant_id):
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


def _counts(outcome: Outcome) -> bool:
    """Whether it may be held against the provider."""
    return outcome.kind in _FAILURES and outcome.cause is not Cause.RECIPIENT and not outcome.about_address


def _key(claim: ClaimedNotification, provider: str) -> tuple[str, int, str]:
    return claim.notification_id, claim.fence, provider
