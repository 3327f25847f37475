"""What the console counts: its pages, by their address's pattern, so that no label holds what was looked for."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from shared.observe.metrics import CALL_SECONDS, Metrics


class ConsoleMetrics:
    """Rate, errors and duration of every page."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = Counter(
            "pulse_console_requests", "Pages answered.", ["page", "status"], registry=metrics.registry
        )
        self._seconds = Histogram(
            "pulse_console_request_seconds",
            "Time to a page's answer.",
            ["page"],
            buckets=CALL_SECONDS,
            registry=metrics.registry,
        )

    def answered(self, page: str, status: int, seconds: float) -> None:
        """One request for ``page``, the pattern of its address, ended with an HTTP status."""
        self._requests.labels(page, str(status)).inc()
        self._seconds.labels(page).observe(seconds)
