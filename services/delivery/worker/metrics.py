"""What a worker counts: attempts, how they ended, how long they took, and what it has in hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram

from services.delivery.rules.breaker import BreakerState
from services.delivery.rules.claim import ClaimedNotification, Round, Settlement
from services.delivery.rules.provider import OutcomeKind
from services.delivery.rules.provider_view import Avoided
from services.delivery.rules.room import Room
from services.delivery.worker.line import Line
from services.delivery.worker.settler import Ask
from services.delivery.worker.unsubscribe_links import NO_CATEGORY, TOO_LONG
from shared.clock import Clock
from shared.observe.metrics import PART, Metrics, Observe, trace_exemplar
from shared.refs import Ref

#: Upper bounds from acceptance to the provider, s: finest where one-time codes are.
WAY_SECONDS = (0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800)
#: Upper bounds of one provider call, s.
CALL_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
#: The original's bounds, s.
ORIGINAL_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)


class DeliveryMetrics:
    """A worker's own instruments. A worker is one process with threads, so its figures are whole."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        registry = metrics.registry
        self._attempts = Counter(
            "pulse_attempts", "Attempts that ended.", ["provider", "channel", "outcome"], registry=registry
        )
        self._calls = Histogram(
            "pulse_provider_call_seconds", "Provider calls.", ["provider"], buckets=CALL_SECONDS, registry=registry
        )
        self._way = Histogram(
            "pulse_accept_to_provider_seconds",
            "From when it might be sent to the provider's taking over.",
            ["lane"],
            buckets=WAY_SECONDS,
            registry=registry,
        )
        self._original = Histogram(
            "pulse_notification_delivery_latency_seconds",
            "From acceptance to the status sent.",
            ["channel"],
            buckets=ORIGINAL_SECONDS,
            registry=registry,
        )
        self._breaker_state = Gauge(
            "pulse_provider_breaker_state",
            "0 while the provider is called, 1 while a few calls try it, 2 while it is not called.",
            ["provider"],
            registry=registry,
        )
        self._breaker_transitions = Counter(
            "pulse_provider_breaker_transitions",
            "Times that a provider's breaker came into a state.",
            ["provider", "state"],
            registry=registry,
        )
        self._waiting = Gauge(
            "pulse_provider_waiting",
            "Claims that wait for a call to the provider.",
            ["provider"],
            registry=registry,
            multiprocess_mode=PART,
        )
        self._unlinked = Counter(
            "pulse_emails_without_unsubscribe_link",
            "Emails without a link to unsubscribe, though links are made.",
            ["reason"],
            registry=registry,
        )
        for reason in (NO_CATEGORY, TOO_LONG):
            self._unlinked.labels(reason)
        self._in_hand = Gauge("pulse_worker_in_hand", "Claims in hand.", registry=registry, multiprocess_mode=PART)
        self._capacity = Gauge(
            "pulse_worker_capacity", "Claims in hand at the most.", registry=registry, multiprocess_mode=PART
        )
        self._bound: dict[tuple[str, str, str], _Bound] = {}

    def sized(self, ask: Ask) -> Ask:
        """``ask``, with the sizes of what it carries observed."""
        settling, claiming = self._metrics.batch("settle"), self._metrics.batch("claim")

        def measured(settlements: Sequence[Settlement], refs: Sequence[Ref], avoided: Avoided) -> Awaitable[Round]:
            if settlements:
                settling(len(settlements))
            if refs:
                claiming(len(refs))
            return ask(settlements, refs, avoided)

        return measured

    def ended(self, settlement: Settlement) -> None:
        """An attempt ended just now."""
        claim, outcome = settlement.claim, settlement.outcome
        bound = self._bound_for(claim)
        exemplar = trace_exemplar(claim.traceparent)
        bound.attempts[outcome.kind].inc()
        if settlement.latency:
            bound.called(settlement.latency, exemplar)
        if outcome.kind is OutcomeKind.SUCCEEDED:
            # Two machines' clocks may differ by a little; a sum that shrinks would look like a restart.
            now = self._clock.now()
            bound.took_over(max((now - claim.ready_at).total_seconds(), 0.0), exemplar)
            bound.original(max((now - claim.created_at).total_seconds(), 0.0))

    def without_link(self, reason: str) -> None:
        """An email carries no link to unsubscribe."""
        self._unlinked.labels(reason).inc()

    def show_room(self, room: Room, capacity: int) -> None:
        """Shows how full the worker's hands are."""
        self._capacity.set(capacity)
        self._in_hand.set_function(lambda: room.taken)

    def show_line(self, provider: str, line: Line) -> None:
        """Shows how a provider is doing."""
        self._waiting.labels(provider).set_function(lambda: line.waiting)
        self._breaker_state.labels(provider).set(BreakerState.CLOSED.value)

    def breaker_changed(self, provider: str, state: BreakerState) -> None:
        """A provider's breaker came into ``state``."""
        self._breaker_state.labels(provider).set(state.value)
        self._breaker_transitions.labels(provider, state.name.lower()).inc()

    def _bound_for(self, claim: ClaimedNotification) -> _Bound:
        key = claim.provider, claim.channel, claim.lane
        bound = self._bound.get(key)
        if bound is None:
            channel = claim.channel.lower()
            bound = self._bound[key] = _Bound(
                {kind: self._attempts.labels(claim.provider, channel, kind.name.lower()) for kind in OutcomeKind},
                self._calls.labels(claim.provider).observe,
                self._way.labels(claim.lane.lower()).observe,
                self._original.labels(channel).observe,
            )
        return bound


class _Bound(NamedTuple):
    """The instruments of one provider, channel and lane: labels are looked up once, not for every attempt."""

    attempts: dict[OutcomeKind, Counter]
    called: Callable[[float, dict[str, str] | None], None]
    took_over: Callable[[float, dict[str, str] | None], None]
    original: Observe
