"""What the sandbox counts: what it kept, what it made go wrong, and what it answered by HTTP."""

from __future__ import annotations

from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.sandbox.receipts.receipt import Receipt
from shared.observe.http_traces import route_of
from shared.observe.metrics import Metrics


class SandboxMetrics:
    """Its counters. Whom a notification was for is in none of them."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._receipts = Counter(
            "pulse_sandbox_receipts", "Notifications taken on.", ["provider", "channel"], registry=registry
        )
        self._faults = Counter("pulse_sandbox_faults", "Faults carried out.", ["provider", "action"], registry=registry)
        self._requests = Counter(
            "pulse_sandbox_requests", "HTTP requests answered.", ["route", "status"], registry=registry
        )

    def kept(self, receipt: Receipt) -> None:
        """A receipt is on the disk."""
        self._receipts.labels(receipt.provider, receipt.channel).inc()

    def befell(self, provider: str, action: str) -> None:
        """A call to ``provider`` was delayed or went wrong, as somebody asked for."""
        self._faults.labels(provider, action).inc()

    def answered(self, route: str, status: int) -> None:
        """A request to ``route``, the pattern of its address, ended with an HTTP status."""
        self._requests.labels(route, str(status)).inc()


class CountedRequests:
    """ASGI middleware that counts answers; silence and resets, which are faults, are counted there alone."""

    def __init__(self, app: ASGIApp, metrics: SandboxMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(route_of(scope) or "none", message["status"])
            await send(message)

        await self._app(scope, receive, counted)
