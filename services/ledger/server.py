"""The one place where the ledger is put together."""

from __future__ import annotations

import datetime as dt
import random

from pulse.ledger.v1 import ledger_admin_pb2_grpc, ledger_reader_pb2_grpc, ledger_service_pb2_grpc
from services.ledger.admin_service import LedgerAdmin
from services.ledger.config import LedgerSettings
from services.ledger.dead_letters import DeadLetters
from services.ledger.housekeeping import Housekeeping
from services.ledger.maintenance import Maintenance
from services.ledger.metrics import DeliveredMetrics, MeasuredLedgerService, show_lanes
from services.ledger.mover import Mover
from services.ledger.postgres import Postgres
from services.ledger.reader import Reader
from services.ledger.reader_service import LedgerReader
from services.ledger.recorder import Limits, Recorder
from services.ledger.template_store import TemplateStore
from services.ledger.watchers import Watchers
from shared.clock import Clock, SystemClock
from shared.metrics import Metrics
from shared.serving import Server

DEFAULT_LISTEN = "[::]:50053"
_NAMES = tuple(f"pulse.ledger.v1.{name}" for name in ("LedgerService", "LedgerReader", "LedgerAdmin"))
_DEFAULT_CLOCK = SystemClock()


class Ledger:
    """The ledger's gRPC server over its database. Serves on :attr:`port` once started."""

    def __init__(self, settings: LedgerSettings, clock: Clock = _DEFAULT_CLOCK) -> None:
        self.metrics = Metrics()
        self._postgres = Postgres(settings)
        self._watchers = Watchers(self._postgres, settings.ledger_watch_seconds)
        maintenance = Maintenance(self._postgres, clock, settings)
        self._housekeeping = Housekeeping(maintenance, settings.ledger_housekeeping_seconds)
        self._server = Server(
            settings.listen or DEFAULT_LISTEN,
            _NAMES,
            reflect=settings.env == "development",
            drain_seconds=settings.drain_seconds,
            rpcs=self.metrics.rpcs,
        )
        self._add_services(settings, clock)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    async def start(self) -> None:
        """Returns when it serves; raises ``psycopg_pool.PoolTimeout`` if PostgreSQL does not answer."""
        await self._postgres.open()
        await self._watchers.start()
        await self._housekeeping.start()
        await self._server.start()

    async def stop(self) -> None:
        """Lets calls in flight end, then closes the connections."""
        await self._server.stop()
        await self._housekeeping.stop()
        await self._watchers.stop()
        await self._postgres.close()

    def _add_services(self, settings: LedgerSettings, clock: Clock) -> None:
        limits = Limits(
            redispatch_after=dt.timedelta(seconds=settings.ledger_redispatch_seconds),
            key_retention=dt.timedelta(hours=settings.ledger_key_retention_hours),
            most_attempts=settings.ledger_longest_attempts,
            policies=settings.retry_policies,
        )
        recorder = Recorder(self._postgres, clock, limits)
        mover = Mover(self._postgres, clock, settings.retry_policies, self._watchers, random.SystemRandom().random)
        dead_letters = DeadLetters(self._postgres, clock, self._watchers)
        reader = Reader(self._postgres, clock, self._watchers)
        show_lanes(self.metrics.registry, reader)
        templates = TemplateStore(self._postgres, clock)
        delivered = DeliveredMetrics(self.metrics.registry, reader, clock)
        service = MeasuredLedgerService(recorder, mover, reader, settings, delivered)
        ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server(service, self._server.grpc)
        ledger_reader_pb2_grpc.add_LedgerReaderServicer_to_server(
            LedgerReader(reader, dead_letters, templates), self._server.grpc
        )
        ledger_admin_pb2_grpc.add_LedgerAdminServicer_to_server(
            LedgerAdmin(templates, mover, dead_letters, reader), self._server.grpc
        )
