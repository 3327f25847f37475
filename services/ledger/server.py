"""The one place where the ledger is put together."""

from __future__ import annotations

import datetime as dt
import random
from functools import partial
from typing import NamedTuple

from pulse.ledger.v1 import (
    ledger_admin_pb2_grpc,
    ledger_reader_pb2_grpc,
    ledger_service_pb2_grpc,
    ledger_subscriptions_pb2_grpc,
)
from services.ledger.accept.recorder import Recorder, RecorderSettings
from services.ledger.config import DEFAULT_LISTEN, LedgerSettings
from services.ledger.draw.bounded_providers import BoundedProviders
from services.ledger.draw.draws import Draws
from services.ledger.move.bulk_cancel import BulkCancel
from services.ledger.move.bulk_replay import BulkReplay
from services.ledger.move.claim import Claimer
from services.ledger.move.expire import expire
from services.ledger.move.first_claim import FirstClaim
from services.ledger.move.operate import OperatorActions
from services.ledger.move.receive import Receiver
from services.ledger.move.rounds import Rounds
from services.ledger.move.settle import Settler
from services.ledger.move.transaction import Transactions
from services.ledger.outgoing.event_deliveries import EventDeliveries
from services.ledger.outgoing.subscriptions import Subscriptions
from services.ledger.postgres import start_errors
from services.ledger.postgres.agreed_time import postgres_time
from services.ledger.postgres.database_clock import DatabaseClock
from services.ledger.postgres.postgres import Postgres
from services.ledger.read.dead_letters import DeadLetters
from services.ledger.read.feed.feed import Feed
from services.ledger.read.reader import Reader
from services.ledger.read.timelines import Timelines
from services.ledger.read.watchers import Watchers
from services.ledger.rpc import asked
from services.ledger.rpc.admin_service import LedgerAdmin
from services.ledger.rpc.looking_back import LookingBack
from services.ledger.rpc.metrics import DeliveredMetrics, show_clock, show_lanes
from services.ledger.rpc.observers import Observers
from services.ledger.rpc.outgoing.subscription_service import LedgerSubscriptions
from services.ledger.rpc.outgoing.wire_subscriptions import CODEC
from services.ledger.rpc.reader_service import LedgerReader
from services.ledger.rpc.service import LedgerService
from services.ledger.rpc.spans import LedgerSpans
from services.ledger.rpc.tenant_scope import TenantScope
from services.ledger.schema import schema_check
from services.ledger.schema.housekeeping import Housekeeping
from services.ledger.schema.maintenance import Maintenance
from services.ledger.stores.api_key_store import ApiKeyStore
from services.ledger.stores.attachment_store import AttachmentStore
from services.ledger.stores.destination_store import DestinationStore
from services.ledger.stores.fragment_store import FragmentStore
from services.ledger.stores.limit_store import LimitStore
from services.ledger.stores.price_store import PriceStore
from services.ledger.stores.provider_store import ProviderStore
from services.ledger.stores.receipt_delays import ReceiptDelays
from services.ledger.stores.recipient_store import RecipientStore
from services.ledger.stores.sender_store import SenderStore
from services.ledger.stores.suppressed_addresses import SuppressedAddresses
from services.ledger.stores.template_store import TemplateStore
from services.ledger.stores.tenant_caps import TenantCaps
from shared.clock import Clock, SystemClock
from shared.observe.metrics import Metrics
from shared.observe.tracing import OFF, Tracer
from shared.rpc.call_traces import CallTraces
from shared.rpc.serving import Server

_NAMES = tuple(
    f"pulse.ledger.v1.{name}" for name in ("LedgerService", "LedgerReader", "LedgerAdmin", "LedgerSubscriptions")
)


class Stores(NamedTuple):
    """What both who look and who administer use, by the names by which their services take it."""

    reader: Reader
    dead_letters: DeadLetters
    templates: TemplateStore
    limits: LimitStore
    recipients: RecipientStore
    providers: ProviderStore
    api_keys: ApiKeyStore
    attachments: AttachmentStore
    senders: SenderStore
    fragments: FragmentStore
    destinations: DestinationStore


class Ledger:
    """The ledger's gRPC server over its database. Serves on :attr:`port` once started.

    Its time is PostgreSQL's, unless a test gives it a ``clock``.
    """

    def __init__(self, settings: LedgerSettings, clock: Clock | None = None, tracer: Tracer = OFF) -> None:
        self.metrics = Metrics()
        self._settings = settings
        self._postgres = Postgres(settings, tracer)
        self._timelines = Timelines(self._postgres)
        self._watchers = Watchers(self._timelines, settings.ledger_watch_seconds)
        self._feed = Feed(self._postgres)
        self._feed_watchers = Watchers(self._feed, settings.ledger_watch_seconds)
        self._database_clock = None if clock else DatabaseClock(postgres_time(self._postgres))
        maintenance = Maintenance(self._postgres, clock or SystemClock(), settings)
        self._housekeeping = Housekeeping(maintenance, settings.ledger_housekeeping_seconds)
        self._server = Server(
            settings.listen or DEFAULT_LISTEN,
            _NAMES,
            reflect=settings.env == "development",
            drain_seconds=settings.drain_seconds,
            rpcs=self.metrics.rpcs,
            traces=CallTraces(tracer),
            interceptors=[TenantScope()],
            tls=settings.tls,
            health_listen=settings.health_listen,
            shares_port=settings.ledger_processes > 1,
            keeps_calls=True,
        )
        if self._database_clock:
            show_clock(self.metrics.registry, self._database_clock)
        self._add_services(settings, clock or self._database_clock or SystemClock(), tracer)
        self._add_subscriptions(clock or self._database_clock or SystemClock())

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    async def start(self) -> None:
        """Returns when it serves.

        Raises :class:`shared.config.StartError` if PostgreSQL does not answer, was not migrated, or would not keep
        tenants apart.
        """
        with start_errors.explained():
            await schema_check.until_ready(self._settings)
            await self._postgres.open()
        if self._database_clock:
            await self._database_clock.start()
        await self._watchers.start()
        await self._feed_watchers.start()
        await self._housekeeping.start()
        await self._server.start()

    async def stop(self) -> None:
        """Lets calls in flight end, then closes the connections."""
        await self._server.stop()
        await self._housekeeping.stop()
        await self._feed_watchers.stop()
        await self._watchers.stop()
        if self._database_clock:
            await self._database_clock.stop()
        await self._postgres.close()

    def _add_services(self, settings: LedgerSettings, clock: Clock, tracer: Tracer) -> None:
        delays = ReceiptDelays(self._postgres, clock, settings.delay_rules)
        stores = _stores(self._postgres, clock, settings, delays)
        show_lanes(self.metrics.registry, stores.reader)
        transactions = Transactions(self._postgres, clock, self._watchers)
        operator = OperatorActions(transactions)
        bounds = BoundedProviders(clock)
        jitter = random.SystemRandom().random
        critical = settings.critical_categories
        prices = PriceStore(self._postgres, clock)
        claimer = Claimer(
            transactions, delays=delays, bounds=bounds, random=jitter, for_latest=asked.for_latest, critical=critical
        )
        settler = Settler(transactions, settings.retry_policies, jitter)
        ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server(
            LedgerService(
                settings,
                recorder=Recorder(self._postgres, clock, _limits(settings)),
                draws=Draws(self._postgres, clock, partial(expire, transactions), bounds),
                claimer=claimer,
                first_claims=partial(FirstClaim, transactions, claimer, clock),
                settler=settler,
                rounds=Rounds(transactions, settler, claimer),
                receiver=Receiver(transactions),
                operator=operator,
                reader=stores.reader,
                providers=stores.providers,
                prices=prices,
                observers=self._observers(stores.reader, clock, tracer),
            ),
            self._server.grpc,
        )
        ledger_reader_pb2_grpc.add_LedgerReaderServicer_to_server(
            LedgerReader(
                **stores._asdict(),
                suppressed=SuppressedAddresses(self._postgres, clock, critical),
                prices=prices,
                timelines=self._timelines,
                watchers=self._watchers,
                feed=self._feed,
                feed_watchers=self._feed_watchers,
                closing=self._server.closing,
            ),
            self._server.grpc,
        )
        ledger_admin_pb2_grpc.add_LedgerAdminServicer_to_server(
            LedgerAdmin(
                **stores._asdict(),
                operator=operator,
                bulk_replay=BulkReplay(transactions, clock),
                bulk_cancel=BulkCancel(self._postgres, transactions),
            ),
            self._server.grpc,
        )

    def _add_subscriptions(self, clock: Clock) -> None:
        subscriptions, deliveries = Subscriptions(self._postgres, clock), EventDeliveries(self._postgres, clock, CODEC)
        ledger_subscriptions_pb2_grpc.add_LedgerSubscriptionsServicer_to_server(
            LedgerSubscriptions(subscriptions, deliveries, clock), self._server.grpc
        )

    def _observers(self, reader: Reader, clock: Clock, tracer: Tracer) -> Observers:
        looking_back = LookingBack(reader)
        delivered = DeliveredMetrics(self.metrics.registry, clock, looking_back)
        spans = LedgerSpans(tracer, looking_back)
        return Observers(
            recorded=[spans.recorded],
            claimed=[spans.claimed],
            settled=[spans.settled],
            reported=[spans.reported, delivered.reported],
        )


def _stores(postgres: Postgres, clock: Clock, settings: LedgerSettings, delays: ReceiptDelays) -> Stores:
    caps = TenantCaps.from_settings(settings)
    return Stores(
        reader=Reader(postgres, clock),
        dead_letters=DeadLetters(postgres, clock),
        templates=TemplateStore(postgres, clock, caps),
        limits=LimitStore(postgres, clock, caps),
        recipients=RecipientStore(postgres, clock, caps),
        providers=ProviderStore(postgres, clock, delays),
        api_keys=ApiKeyStore(postgres, clock, caps),
        attachments=AttachmentStore(postgres, clock, settings),
        senders=SenderStore(postgres, clock, caps),
        fragments=FragmentStore(postgres, clock, caps),
        destinations=DestinationStore(postgres, clock, caps),
    )


def _limits(settings: LedgerSettings) -> RecorderSettings:
    return RecorderSettings(
        redispatch_after=dt.timedelta(seconds=settings.ledger_redispatch_seconds),
        key_retention=dt.timedelta(hours=settings.ledger_key_retention_hours),
        most_attempts=settings.ledger_longest_attempts,
        policies=settings.retry_policies,
        critical=settings.critical_categories,
    )
