"""What the router counts, and what of its state can be seen from outside."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.router.dispatch.dispatcher import Dispatcher
from services.router.dispatch.publisher import Publisher
from services.router.dispatch.waiting_workers import WaitingWorkers
from services.router.dispatch.window import Window
from services.router.outage import Outage
from services.router.rules.quota import Closed, LimitReached
from shared.lane.names import Lane
from shared.observe.metrics import PART


class RouterMetrics:
    """The router's own instruments. Gauges are read when they are scraped, so that they cost nothing else."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refusals = Counter(
            "pulse_limiter_refusals",
            "Submissions refused: rate_limited, closed while limits cannot be counted, or denied for their SMS prefix.",
            ["channel", "reason"],
            registry=registry,
        )
        self._window = Gauge(
            "pulse_dispatch_window_notifications",
            "Notifications in the dispatch window: reserved, or queued by this router.",
            ["lane", "state"],
            registry=registry,
            multiprocess_mode=PART,
        )
        self._capacity = Gauge(
            "pulse_dispatch_window_capacity", "Room of the dispatch window, notifications.", ["lane"], registry=registry
        )
        self._tasks = Gauge(
            "pulse_dispatch_queue_tasks", "Tasks in Celery's queue when last looked at.", ["lane"], registry=registry
        )
        self._backlog = Gauge(
            "pulse_dispatch_backlog", "1 while more is due than the window has room for.", ["lane"], registry=registry
        )
        self._urgent = Gauge(
            "pulse_urgent_workers", "Workers that wait for HIGH notifications at this router.", registry=registry
        )
        self._away = Gauge(
            "pulse_peer_away", "1 if it could not be used when last tried.", ["peer", "lane"], registry=registry
        )

    def refused(self, channel: str, verdict: LimitReached | Closed) -> None:
        """The limiter refused a submission by ``channel``."""
        reason = "closed" if isinstance(verdict, Closed) else "rate_limited"
        self._refusals.labels(channel.lower(), reason).inc()

    def denied(self, channel: str) -> None:
        """A phone number was refused for its prefix, by ``channel``."""
        self._refusals.labels(channel.lower(), "denied").inc()

    def show_peer(self, peer: str, outage: Outage, lane: str = "") -> None:
        """Shows whether something outside is away; ``lane`` is empty for what all lanes share."""
        self._away.labels(peer, lane).set_function(lambda: outage.away)

    def show_waiting(self, workers: WaitingWorkers) -> None:
        """Shows how many workers wait for HIGH notifications."""
        self._urgent.set_function(lambda: len(workers))

    def show_lane(self, lane: Lane, window: Window, dispatcher: Dispatcher, publisher: Publisher) -> None:
        """Shows how a lane is dispatched."""
        name = lane.value.lower()
        self._capacity.labels(name).set(window.capacity)
        self._window.labels(name, "reserved").set_function(lambda: window.reserved)
        self._window.labels(name, "queued").set_function(lambda: window.queued)
        self._tasks.labels(name).set_function(lambda: window.tasks)
        self._backlog.labels(name).set_function(lambda: dispatcher.backlog)
        self.show_peer("ledger", dispatcher.outage, name)
        self.show_peer("broker", publisher.outage, name)
