"""The router, put together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from celery import Celery

from pulse.router.v1.router_service_pb2_grpc import add_RouterServiceServicer_to_server
from services.router.admission.admission import Admission
from services.router.admission.admission_spans import AdmissionSpans
from services.router.admission.candidates import MaxAttempts
from services.router.admission.recorder import Recorder
from services.router.config import DEFAULT_LISTEN, RouterSettings
from services.router.dispatch.celery_queue import CeleryQueue
from services.router.dispatch.dispatcher import Dispatcher
from services.router.dispatch.eviction import warn_of_eviction
from services.router.dispatch.publisher import Publisher
from services.router.dispatch.shared_buckets import SharedBuckets
from services.router.dispatch.throughput import Throughput
from services.router.dispatch.urgent_stream import UrgentStreams
from services.router.dispatch.waiting_workers import WaitingWorkers
from services.router.dispatch.wake_spans import WakeSpans
from services.router.dispatch.window import Window
from services.router.ledger import Ledger
from services.router.limits.limit_feed import LimitFeed
from services.router.limits.limiter import Limiter
from services.router.limits.shared_windows import SharedWindows
from services.router.metrics import RouterMetrics
from services.router.rules.limit_book import Configured
from services.router.rules.local_limits import LocalLimits
from services.router.rules.provider_rates import Rates, parse_rates
from services.router.rules.quota import MILLIONTHS, WindowLimit
from services.router.rules.sms_prefixes import parse_prefixes, parse_prices
from services.router.service import RouterService
from services.router.shared_redis import SharedRedis
from shared.broker import QUEUES, celery_app
from shared.clock import Clock, SystemClock
from shared.lane.names import Lane
from shared.observe.logs import logger
from shared.observe.metrics import Metrics
from shared.observe.tracing import OFF, Tracer
from shared.repeating import keep_running
from shared.rpc.call_traces import CallTraces
from shared.rpc.channels import open_channel
from shared.rpc.serving import Server

NAME = "pulse.router.v1.RouterService"

log: Any = logger(__name__)


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What each lane has of its own, so that HIGH waits for LOW nowhere."""

    window: Window
    publisher: Publisher
    dispatcher: Dispatcher
    recorder: Recorder


class Router:
    """Admission and dispatch in one process. To be made inside the event loop."""

    def __init__(self, settings: RouterSettings, clock: Clock | None = None, tracer: Tracer = OFF) -> None:
        self._settings = settings
        self._channel = open_channel(
            settings.ledger_address, settings.tls, "ledger", processes=settings.ledger_processes, keeps_calls=True
        )
        self.metrics = Metrics()
        self._ledger = Ledger(
            self._channel,
            settings.router_ledger_timeout_seconds,
            recorded=self.metrics.batch("record"),
            drawn=self.metrics.batch("draw"),
            tracer=tracer,
        )
        self._redis = SharedRedis(
            settings.server("redis_url"),
            settings.router_limiter_timeout_seconds,
            settings.router_limiter_connect_seconds,
        )
        self._limiter = _limiter(settings, self._redis)
        self._rates = rates = Rates(parse_rates(settings.router_provider_rates))
        throughput = Throughput(rates, SharedBuckets(self._redis), replicas=settings.admitting)
        self._limits = LimitFeed(
            self._channel,
            _configured(settings),
            rates,
            poll=settings.router_limits_poll_seconds,
            timeout=min(settings.router_ledger_timeout_seconds, 1.0),
        )
        self._broker = settings.server("broker_url")
        app = celery_app(self._broker)
        self._waiting = WaitingWorkers()
        self._lanes = {
            lane: _lane_parts(
                lane, settings, app, self._ledger, self._limiter, throughput, self.metrics, tracer, self._waiting
            )
            for lane in Lane
        }
        counted = RouterMetrics(self.metrics.registry)
        counted.show_peer("redis", self._limiter.outage)
        counted.show_peer("throughput", throughput.outage)
        counted.show_peer("limits", self._limits.outage)
        counted.show_waiting(self._waiting)
        for lane, parts in self._lanes.items():
            counted.show_lane(lane, parts.window, parts.dispatcher, parts.publisher)
        admission = self._admission(settings, clock or SystemClock(), counted, tracer)
        self._server = self._serving(settings, tracer)
        urgent = UrgentStreams(self._waiting, tracer, self.metrics.batch("push"))
        add_RouterServiceServicer_to_server(RouterService(admission, urgent), self._server.grpc)
        self._dispatching: list[asyncio.Task[None]] = []
        self._running: list[asyncio.Task[None]] = []

    def _serving(self, settings: RouterSettings, tracer: Tracer) -> Server:
        return Server(
            settings.listen or DEFAULT_LISTEN,
            [NAME],
            reflect=settings.env == "development",
            drain_seconds=settings.drain_seconds,
            rpcs=self.metrics.rpcs,
            traces=CallTraces(tracer),
            tls=settings.tls,
            health_listen=settings.health_listen,
            shares_port=settings.router_processes > 1,
            keeps_calls=True,
        )

    def _admission(self, settings: RouterSettings, clock: Clock, counted: RouterMetrics, tracer: Tracer) -> Admission:
        return Admission(
            self._limiter,
            lambda: self._limits.current,
            self._ledger,
            {lane: parts.recorder for lane, parts in self._lanes.items()},
            routes=settings.routes(),
            rates=self._rates,
            max_attempts=MaxAttempts(settings.router_max_attempts, settings.router_email_max_attempts),
            clock=clock,
            metrics=counted,
            spans=AdmissionSpans(tracer),
        )

    @property
    def port(self) -> int:
        """The port it serves on."""
        return self._server.port

    @property
    def waiting(self) -> int:
        """Calls that wait for the ledger's last batch to end."""
        return sum(parts.recorder.waiting for parts in self._lanes.values())

    @property
    def limits_away(self) -> bool:
        """Whether the ledger did not tell the limits in force when last asked."""
        return self._limits.outage.away

    async def start(self) -> None:
        """Begins to dispatch and to serve. Neither Redis, the broker nor the ledger needs to be there yet."""
        self._redis.connect()
        pause = self._settings.router_sweep_seconds
        lanes = self._lanes.values()
        self._dispatching = [
            asyncio.create_task(keep_running("dispatch", parts.dispatcher.run, pause)) for parts in lanes
        ]
        self._running = [
            *self._dispatching,
            *(asyncio.create_task(keep_running("publishing", parts.publisher.run, pause)) for parts in lanes),
            asyncio.create_task(self._limits.run()),
            asyncio.create_task(warn_of_eviction(self._broker)),
        ]
        await asyncio.create_task(self._limits.refresh())  # a task of its own: its deadline is nobody else's
        await self._server.start()

    async def stop(self) -> None:
        """Lets calls end, has what waits recorded and published as far as that goes in time, and closes."""
        self._waiting.close()
        await self._server.stop()
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                await self._drain()
        except TimeoutError:
            log.warning("not all wake-ups were published in time; the ledger hands them out again")
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for parts in self._lanes.values():
            await parts.publisher.close()
        await self._redis.close()
        await self._channel.close()

    async def _drain(self) -> None:
        """What was admitted is recorded first; then nothing new is drawn, and what was drawn is published."""
        for parts in self._lanes.values():
            await parts.recorder.drain()
        for parts in self._lanes.values():
            parts.dispatcher.stop()
        await asyncio.gather(*self._dispatching)
        for parts in self._lanes.values():
            await parts.publisher.drain()


def _limiter(settings: RouterSettings, redis: SharedRedis) -> Limiter:
    return Limiter(
        SharedWindows(redis),
        LocalLimits(settings.router_local_keys),
        replicas=settings.admitting,
        retry_after=settings.router_limiter_retry_seconds,
        grace=settings.router_limiter_grace_seconds,
    )


def _configured(settings: RouterSettings) -> Configured:
    """The limits that count where operators set no others; 0 in the settings is no limit."""
    recipient, tenant = settings.router_recipient_limit, settings.router_tenant_limit
    spend = round(settings.router_sms_spend_limit * MILLIONTHS)
    return Configured(
        user_channel=WindowLimit(settings.router_limit, settings.router_limit_window_seconds),
        recipient=WindowLimit(recipient, settings.router_recipient_limit_window_seconds) if recipient else None,
        tenant=WindowLimit(tenant, settings.router_tenant_limit_window_seconds) if tenant else None,
        sms_spend=WindowLimit(spend, settings.router_sms_spend_limit_window_seconds) if spend else None,
        denied_prefixes=parse_prefixes(settings.router_sms_denied_prefixes),
        allowed_prefixes=parse_prefixes(settings.router_sms_allowed_prefixes),
        sms_prices=parse_prices(settings.router_sms_prices),
    )


def _lane_parts(
    lane: Lane,
    settings: RouterSettings,
    app: Celery,
    ledger: Ledger,
    limiter: Limiter,
    throughput: Throughput,
    metrics: Metrics,
    tracer: Tracer,
    waiting: WaitingWorkers,
) -> LaneParts:
    high = lane is Lane.HIGH
    chunk = settings.router_high_chunk if high else settings.router_low_chunk
    window = Window(settings.router_high_window if high else settings.router_low_window, chunk)
    publisher = Publisher(
        CeleryQueue(app, QUEUES[lane.value]),
        window,
        lane=lane.value,
        chunk=chunk,
        busy_tasks=settings.router_high_busy_tasks if high else settings.router_low_busy_tasks,
        published=metrics.batch("publish"),
        spans=WakeSpans(tracer, QUEUES[lane.value]),
    )
    dispatcher = Dispatcher(
        lane,
        ledger,
        window,
        publisher,
        throughput,
        chunk=chunk,
        redispatch_after=settings.router_redispatch_after_seconds,
        sweep=settings.router_sweep_seconds,
        poll=settings.router_poll_seconds,
    )
    recorder = Recorder(
        ledger,
        limiter,
        dispatcher,
        publisher,
        max_batch=settings.router_record_batch,
        waiting=waiting if high else None,
    )
    return LaneParts(window, publisher, dispatcher, recorder)
