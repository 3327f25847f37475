"""What the gateway counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from shared.observe.metrics import PART, Metrics

if TYPE_CHECKING:
    from pulse.router.v1.router_service_pb2 import Submission, SubmitResult


class GatewayMetrics:
    """The gateway's own instruments."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.submitted = metrics.batch("submit")
        self._accepted = Counter(
            "pulse_notifications", "Notifications accepted, replays not counted.", registry=registry
        )
        self._waiting = Gauge(
            "pulse_gateway_waiting", "Requests that wait for the router.", registry=registry, multiprocess_mode=PART
        )
        self._watches = Gauge(
            "pulse_gateway_watches", "Watches that are open.", registry=registry, multiprocess_mode=PART
        )

    def show_waiting(self, waiting: Callable[[], int]) -> None:
        """Has the gauge of waiting requests read from ``waiting`` whenever it is scraped."""
        self._waiting.set_function(waiting)

    def show_watches(self, watches: Callable[[], int]) -> None:
        """Has the gauge of watches read from ``watches`` whenever it is scraped."""
        self._watches.set_function(watches)

    def answered(self, submissions: Iterable[Submission], results: Iterable[SubmitResult]) -> None:
        """Counts those of a batch that the router has newly accepted."""
        self._accepted.inc(
            sum(
                not (result.replayed or submission.validate_only or result.HasField("error"))
                for submission, result in zip(submissions, results, strict=True)
            )
        )
