"""What the sender of events counts."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from shared.observe.metrics import Metrics

_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class EventMetrics:
    """Of one process."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._requests = Counter(
            "pulse_event_requests", "Requests to endpoints of subscriptions.", ["outcome"], registry=registry
        )
        self._seconds = Histogram(
            "pulse_event_request_seconds", "How long endpoints take.", buckets=_SECONDS, registry=registry
        )
        self._disabled = Counter(
            "pulse_subscriptions_disabled", "Subscriptions whose endpoints were given up.", registry=registry
        )

    def answered(self, status: int, seconds: float) -> None:
        """A request ended; ``status`` 0: without an answer."""
        outcome = "delivered" if 200 <= status <= 299 else "refused" if status else "unanswered"
        self._requests.labels(outcome).inc()
        self._seconds.observe(seconds)

    def disabled(self, count: int) -> None:
        """So many subscriptions are sent nothing more."""
        self._disabled.inc(count)
