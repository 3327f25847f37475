"""The engine's own thread: Celery's tasks run in threads, the engine in an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial

import uvloop

from services.delivery.config import DeliverySettings
from services.delivery.ledger import LedgerClient
from services.delivery.providers import registry
from services.delivery.spans import Spans
from services.delivery.worker.engine import Engine
from services.delivery.worker.metrics import DeliveryMetrics
from services.delivery.worker.pace import Pace
from services.delivery.worker.router_stream import WorkerState
from services.delivery.worker.routers import Routers
from shared.clock import Clock
from shared.observe.metrics import Metrics
from shared.observe.tracing import OFF, Tracer
from shared.refs import Ref, Traces
from shared.rpc.channels import connections_to, open_channel

#: At the most this share of the worker's room is set aside for what routers claim for it.
OFFERED_SHARE = 4


class EngineThread:
    """Starts the engine with its loop and its channel to the ledger, and stops them together."""

    def __init__(
        self,
        settings: DeliverySettings,
        clock: Clock,
        metrics: Metrics,
        *,
        worker_id: str,
        in_flight: int,
        share: float = 1.0,
        waiting: int = 0,
        tracer: Tracer = OFF,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._worker_id = worker_id
        self._in_flight = in_flight
        self._pace = Pace(share)
        self._waiting = min(waiting, in_flight // OFFERED_SHARE)
        self._metrics = metrics
        self._spans = Spans(tracer)
        #: In which the engine runs.
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="engine", daemon=True)

    def start(self) -> None:
        """Returns when the engine takes refs; raises what is wrong with the providers' settings."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._build(), self.loop).result()

    def take(self, refs: Sequence[Ref], traces: Traces) -> None:
        """As :meth:`Engine.take`, blocking; from any thread."""
        asyncio.run_coroutine_threadsafe(self._engine.take(refs, traces), self.loop).result()

    def begin_stop(self) -> None:
        """Turns away those who wait in :meth:`take`; returns at once, so that a signal handler may call it."""
        self.loop.call_soon_threadsafe(self._close)

    def stop(self) -> None:
        """Returns when everything in hand is settled or handed back."""
        asyncio.run_coroutine_threadsafe(self._shut_down(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _build(self) -> None:
        settings = self._settings
        self._channel = open_channel(
            settings.ledger_address, settings.tls, "ledger", processes=settings.ledger_processes, keeps_calls=True
        )
        lease = settings.delivery_lease_seconds
        ledger = LedgerClient(self._channel, worker_id=self._worker_id, lease=lease, spans=self._spans)
        providers = registry.build(settings, self._clock)
        metrics = DeliveryMetrics(self._metrics, self._clock)
        self._engine = engine = Engine(
            ledger, providers, settings, self._in_flight, metrics, self._clock, self._spans, self._pace
        )
        engine.start()
        self._routers = Routers(
            settings.router_address,
            partial(open_channel, tls=settings.tls, to="router", own_connection=True),
            engine.offers,
            WorkerState(self._worker_id, lease, engine.avoided),
            ledger.read,
            most=self._waiting,
            connections=connections_to(settings.router_processes),
        )
        if self._waiting:
            self._routers.start()

    def _close(self) -> None:
        self._routers.leave()
        self._engine.close()

    async def _shut_down(self) -> None:
        await self._routers.stop()
        await self._engine.stop()
        await self._channel.close()
