"""The spans of a worker: taken from the broker, delivered, called."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.trace import SpanKind

from services.delivery.rules.claim import ClaimedNotification, Settlement
from services.delivery.rules.provider import OutcomeKind
from shared.observe.tracing import OFF, Span, Tracer
from shared.refs import Ref, Traces

#: How an attempt may end without its span being an error.
_FINE = frozenset({OutcomeKind.SUCCEEDED, OutcomeKind.RELEASED})


class Spans:
    """Begins and ends them. Of what the broker says of traces, only what a worker holds is remembered."""

    def __init__(self, tracer: Tracer = OFF) -> None:
        self._tracer = tracer
        self._taken: dict[str, Span] = {}

    def taken(self, traces: Traces) -> None:
        """A task with these sampled notifications was taken from the broker."""
        if not self._tracer.on:
            return
        for notification_id, published in traces.items():
            attributes = {"messaging.system": "celery", "pulse.notification_id": notification_id}
            span = self._tracer.start("celery.process", published, SpanKind.CONSUMER, attributes={**attributes})
            self._taken[notification_id] = span

    def claimed(self, refs: Iterable[Ref]) -> None:
        """The task's refs were all claimed, or are not to be had."""
        if self._taken:
            for _, notification_id in refs:
                span = self._taken.pop(notification_id, None)
                if span is not None:
                    span.end()

    def deliver(self, notification_id: str, stored: str) -> Span:
        """The span of one attempt, from its claim to its settlement; ``stored`` is what the ledger keeps."""
        taken = self._taken.get(notification_id) if self._taken else None
        return self._tracer.start("deliver", taken.traceparent if taken else stored, SpanKind.INTERNAL)

    def call(self, claim: ClaimedNotification) -> Span:
        """The span of the provider's call."""
        return self._tracer.start(f"send by {claim.provider}", claim.span.traceparent, SpanKind.CLIENT)


def called(span: Span, claim: ClaimedNotification, error: str) -> None:
    """The provider has answered, or has not; ``error`` is the outcome's code if that was no success."""
    if error or span.sampled:
        span.set("pulse.provider", claim.provider)
        span.set("pulse.channel", claim.channel)
    span.end(error)


def settled(settlement: Settlement) -> None:
    """The attempt is over."""
    claim, outcome = settlement.claim, settlement.outcome
    error = "" if outcome.kind in _FINE else outcome.code or outcome.kind.name
    if error or claim.span.sampled:
        claim.span.set("pulse.notification_id", claim.notification_id)
        claim.span.set("pulse.attempt", claim.attempt)
        claim.span.set("pulse.lane", claim.lane)
        claim.span.set("pulse.outcome", outcome.kind.name)
    claim.span.end(error)
