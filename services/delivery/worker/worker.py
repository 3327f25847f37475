"""One Celery worker process for one lane."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from celery import Celery, signals
from celery.apps.worker import Worker

from services.delivery.config import DeliverySettings
from services.delivery.worker import tasks
from services.delivery.worker.engine_thread import EngineThread
from services.delivery.worker.loop_watch import LoopWatch
from services.delivery.worker.ready_file import ReadyFile, ToldReady
from shared.broker import QUEUES, celery_app
from shared.clock import SystemClock
from shared.config import StartError
from shared.observe import log_level, logs, trace_export
from shared.observe.metrics import Metrics
from shared.observe.metrics_endpoint import MetricsEndpoint
from shared.process import spare_the_collector
from shared.processes.child import Child
from shared.processes.part_endpoint import PartEndpoint
from shared.processes.start import cannot_start, show, starting
from shared.server_urls import REDIS

TOLERANT = "services.delivery.worker.tolerant_redis:TolerantTransport"
TOLERANT_SENTINEL = "services.delivery.worker.tolerant_redis:TolerantSentinelTransport"


class DeliveryWorker:
    """A Celery worker with threads, no child processes, and its engine."""

    def __init__(self, settings: DeliverySettings, lane: str, child: Child | None = None) -> None:
        self._settings = settings
        self._child = child
        self._lane = lane
        # Each its own, on one machine too: at RabbitMQ two of one name lock each other out of Celery's remote control.
        self._name = f"{lane.lower()}-{os.getpid()}@{socket.gethostname()}"
        high = lane == "HIGH"
        in_flight = settings.worker_high_in_flight if high else settings.worker_low_in_flight
        role = f"worker-{lane.lower()}"
        metrics = Metrics()
        self._endpoint = (
            PartEndpoint(metrics.registry, child.tell_figures)
            if child
            else MetricsEndpoint(role, settings, metrics.registry)
        )
        tracer, self._export = trace_export.tracer(role, settings.otlp_endpoint)
        self._level_file = log_level.following(settings)
        self._engine = EngineThread(
            settings,
            SystemClock(),
            metrics,
            worker_id=self._name,
            in_flight=in_flight,
            share=1.0 if high else settings.low_share_of_a_process,
            waiting=settings.worker_high_waiting if high else 0,
            tracer=tracer,
        )
        self._ready = ToldReady(child, self._engine.loop) if child else ReadyFile(settings.home, lane)
        self._watch = LoopWatch(self._engine.loop, self._on_standing, self._on_moving)
        self._app = self._celery_app()
        self._log = logs.logger(__name__)

    def run(self) -> int:
        """Consumes until SIGTERM or SIGINT; the exit status. Raises StartError for settings that cannot be used."""
        with starting():
            self._ready.prepare()
        try:
            self._engine.start()
        except (OSError, ValueError) as error:  # a key file or certificate that is none, say
            raise StartError(str(error)) from None
        self._endpoint.start()
        spare_the_collector()
        signals.setup_logging.connect(_keep_logging)
        signals.worker_ready.connect(self._on_ready)
        signals.worker_shutting_down.connect(self._on_shutting_down)
        worker = Worker(
            app=self._app,
            hostname=self._name,
            queues=[QUEUES[self._lane]],
            pool="threads",
            concurrency=self._settings.worker_tasks,
            task_events=self._settings.worker_events,
            loglevel=self._settings.log_level,
            quiet=True,
            without_gossip=True,
            without_mingle=True,
        )
        try:
            worker.start()
        finally:
            self._watch.stop()
            self._ready.remove()
            self._engine.stop()
            self._endpoint.stop()
            self._level_file.stop()
            if self._export:
                self._export.close()
            self._log.info("stopped", lane=self._lane)
        return int(worker.exitcode or 0)

    def _celery_app(self) -> Celery:
        broker = self._settings.server("broker_url")
        app = celery_app(broker, remote_control=self._settings.env != "production")
        if broker.scheme in REDIS:
            app.conf.broker_transport = TOLERANT_SENTINEL if broker.sentinels else TOLERANT
        app.conf.update(
            # What RabbitMQ refuses on a channel is worth a new connection, not the worker.
            broker_channel_error_retry=True,
            worker_consumer="services.delivery.worker.consumer:WorkerConsumer",
            worker_disable_rate_limits=True,
            worker_redirect_stdouts=False,
        )
        tasks.register(app, self._engine.take)
        return app

    def _on_ready(self, **_: Any) -> None:
        self._ready.write()
        if self._child is None:  # of several, the parent sees which stands still
            self._watch.start()
        self._log.info("consuming", lane=self._lane, worker=self._name)

    def _on_standing(self) -> None:
        """Without its file it is not alive, and is started anew if that lasts."""
        self._ready.remove()
        self._log.error("the event loop stands still", lane=self._lane)

    def _on_moving(self) -> None:
        self._ready.write()
        self._log.info("the event loop moves again", lane=self._lane)

    def _on_shutting_down(self, **_: Any) -> None:
        self._engine.begin_stop()


def _keep_logging(**_: Any) -> None:
    """Being connected is enough: Celery then leaves logging as it is."""


def consume(settings: DeliverySettings, lane: str, child: Child | None = None) -> int:
    """Consumes until a signal ends it; what stops the start is said in a sentence, and ends the process with status 2.

    ``child``: this process is one of several of its lane, whose parent has logged the settings.
    """
    logs.configure(f"worker-{lane.lower()}", settings.log_level, child.number if child else None)
    for noisy in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("celery.worker.consumer.consumer").setLevel(logging.ERROR)  # lost brokers are told by ours
    if child is None:
        show(settings)
    try:
        return DeliveryWorker(settings, lane, child).run()
    except StartError as error:
        cannot_start(error)
