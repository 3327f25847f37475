"""Breakers: which providers a worker may call now, by its own experience, the other workers' and operators' word."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from services.delivery.breaker import Breaker, BreakerPolicy, BreakerState
from services.delivery.claim import Claim, Settlement
from services.delivery.provider_view import Directive, Override, ProviderView
from services.delivery.providers.base import Cause, OutcomeKind
from shared.clock import Clock
from shared.logs import logger

#: Told of every new state of a provider's breaker.
Watch = Callable[[str, BreakerState], None]

#: Unless they are about the recipient, they are the provider's.
_FAILURES = frozenset({OutcomeKind.UNANSWERED, OutcomeKind.TRANSIENT_FAILURE})

log = logger(__name__)


@dataclass(slots=True)
class _Provider:
    channel: str
    breaker: Breaker
    since: dt.datetime
    directive: Directive
    probing: set[tuple[str, int]] = field(default_factory=set)  # notification id and fence

    @property
    def avoided(self) -> bool:
        """Whether it is not called now, probes aside."""
        if self.directive.paused or self.directive.override is Override.FORCED_OPEN:
            return True
        if self.directive.override is Override.FORCED_CLOSED:
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
    """One breaker for each provider. ``hand_back`` is called with the name of each that is avoided from now on."""

    def __init__(
        self,
        channels: Mapping[str, str],
        policy: BreakerPolicy,
        clock: Clock,
        *,
        hand_back: Callable[[str], None],
        watch: Watch,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._hand_back = hand_back
        self._watch = watch
        self._providers = {
            name: _Provider(channel, Breaker(policy, now, partial(self._changed, name)), clock.now(), Directive(name))
            for name, channel in channels.items()
        }

    def avoided(self) -> frozenset[str]:
        """Providers that no notification may be claimed for, probes aside."""
        return frozenset(name for name, provider in self._providers.items() if provider.avoided)

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
        return provider.avoided and _key(claim) not in provider.probing

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
        outcome = settlement.outcome
        if outcome.kind is OutcomeKind.SUCCEEDED:
            provider.breaker.succeeded()
        elif outcome.kind in _FAILURES and outcome.cause is not Cause.RECIPIENT:
            provider.breaker.failed()

    def stalled(self, name: str, seconds: float) -> None:
        """No call to the provider has ended for ``seconds``."""
        self._providers[name].breaker.stalled(seconds)

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
                self._hand_back(directive.provider)

    def _changed(self, name: str, state: BreakerState) -> None:
        provider = self._providers[name]
        provider.since = self._clock.now()
        log.warning("breaker", provider=name, state=state.name, reason=provider.breaker.reason)
        self._watch(name, state)
        if state is BreakerState.OPEN and provider.directive.override is not Override.FORCED_CLOSED:
            self._hand_back(name)


def _key(claim: Claim) -> tuple[str, int]:
    return claim.notification_id, claim.fence
