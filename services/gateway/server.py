"""The gateway, put together."""

from __future__ import annotations

import datetime as dt
import sys
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Self

from pulse.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from pulse.gateway.v1 import (
    attachment_service_pb2_grpc,
    compatibility_service_pb2_grpc,
    destination_service_pb2_grpc,
    door_service_pb2_grpc,
    event_service_pb2_grpc,
    fragment_service_pb2_grpc,
    key_service_pb2_grpc,
    linked_file_service_pb2_grpc,
    notification_service_pb2_grpc,
    operations_service_pb2_grpc,
    recipient_service_pb2_grpc,
    sender_service_pb2_grpc,
    subscription_service_pb2_grpc,
    template_service_pb2_grpc,
    unsubscribe_service_pb2_grpc,
)
from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminStub
from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderStub
from pulse.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from pulse.ledger.v1.ledger_subscriptions_pb2_grpc import LedgerSubscriptionsStub
from pulse.router.v1.router_service_pb2_grpc import RouterServiceStub
from services.gateway.api.attachment_service import AttachmentService
from services.gateway.api.destination_service import DestinationService
from services.gateway.api.event_service import EventService
from services.gateway.api.feeds import Feeds
from services.gateway.api.fragment_service import FragmentService
from services.gateway.api.key_service import KeyService
from services.gateway.api.linked_file_service import LinkedFileService
from services.gateway.api.open_watches import OpenWatches
from services.gateway.api.operations_service import OperationsService
from services.gateway.api.original.metrics import Figures, OriginalMetrics
from services.gateway.api.original.service import CompatibilityService
from services.gateway.api.recipient_service import RecipientService
from services.gateway.api.sender_service import SenderService
from services.gateway.api.service import NotificationService
from services.gateway.api.subscription_service import SubscriptionService
from services.gateway.api.template_service import TemplateService
from services.gateway.api.unsubscribe_service import UnsubscribeService
from services.gateway.api.watching import Watching
from services.gateway.config import DEFAULT_LISTEN, GatewaySettings
from services.gateway.door import key_file
from services.gateway.door.accepted_keys import AcceptedKeys
from services.gateway.door.auth import Door, KeyedDoor, OpenDoor
from services.gateway.door.calls import Entry
from services.gateway.door.door_service import DoorService
from services.gateway.door.key_polling import KeyPolling
from services.gateway.door.taking_in import receiving
from services.gateway.door.watch_quota import WatchQuota
from services.gateway.metrics import GatewayMetrics
from services.gateway.peers import Peers
from services.gateway.rules.addresses import Addresses
from services.gateway.sending import copies
from services.gateway.sending.acceptance import Acceptance
from services.gateway.sending.attachments import Attachments
from services.gateway.sending.destinations import Destinations
from services.gateway.sending.file_links import FileLinks
from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.replays import Replays
from services.gateway.sending.senders import Senders
from services.gateway.sending.sending import Sending
from services.gateway.sending.submitter import Submitter
from services.gateway.sending.taking_in import TakingIn
from services.gateway.sending.template_making import TemplateMaking
from services.gateway.sending.templates import TemplateCatalogue
from shared.clock import Clock, SystemClock
from shared.net.own_pages import OwnPages, names
from shared.net.public_addresses import networks
from shared.observe.logs import logger
from shared.observe.metrics import Metrics
from shared.observe.metrics_polling import Polled
from shared.observe.request_log import RequestLog
from shared.observe.tracing import OFF, Tracer
from shared.rpc.call_traces import CallTraces
from shared.rpc.serving import Server
from shared.signing import KeyRing

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

SERVICE_NAMES = tuple(
    f"pulse.gateway.v1.{name}Service"
    for name in (
        "Notification",
        "Template",
        "Fragment",
        "Recipient",
        "Sender",
        "Attachment",
        "Event",
        "Subscription",
        "Destination",
        "Operations",
        "Key",
        "Compatibility",
        "Unsubscribe",
        "LinkedFile",
        "Door",
    )
)


class _Shared(NamedTuple):
    """What several services are made of."""

    settings: GatewaySettings
    clock: Clock
    entry: Entry
    reader: LedgerReaderAsyncStub
    admin: LedgerAdminAsyncStub
    templates: TemplateCatalogue
    addresses: Addresses
    heavy: HeavyWork
    senders: Senders
    attachments: Attachments
    destinations: Destinations
    link_keys: KeyRing

    @classmethod
    def made(cls, settings: GatewaySettings, clock: Clock, entry: Entry, peers: Peers) -> Self:
        """By the settings."""
        reader: LedgerReaderAsyncStub = LedgerReaderStub(peers.ledger)
        admin: LedgerAdminAsyncStub = LedgerAdminStub(peers.ledger)
        developing = settings.env == "development"
        link_keys = KeyRing.parse(settings.unsubscribe_key.get_secret_value())
        links = FileLinks(link_keys, settings.public_url, dt.timedelta(hours=settings.gateway_file_link_hours))
        return cls(
            settings,
            clock,
            entry,
            reader,
            admin,
            TemplateCatalogue(reader, fresh_seconds=settings.gateway_template_seconds),
            Addresses(phone_check=settings.phone_check, test_domains=developing, local_subscriptions=developing),
            HeavyWork(),
            Senders(reader, fresh_seconds=settings.gateway_sender_seconds),
            Attachments(reader, admin, links),
            Destinations(reader, fresh_seconds=settings.gateway_template_seconds),
            link_keys,
        )

    def acceptance(self) -> Acceptance:
        """The rules of the front door."""
        return Acceptance(
            self.templates,
            self.addresses,
            self.clock,
            trace_ratio=self.settings.gateway_trace_ratio,
            heavy=self.heavy,
            attachments=self.attachments,
            senders=self.senders,
            hold_copies=partial(copies.held, self.reader),
            destinations=self.destinations,
        )


class Gateway:
    """The front door as a process serves it; made inside the event loop. ``process`` is its number among several."""

    def __init__(
        self, settings: GatewaySettings, clock: Clock | None = None, tracer: Tracer = OFF, process: int | None = None
    ) -> None:
        clock = clock or SystemClock()
        self.metrics = Metrics()
        self._peers = Peers(settings)
        reader = LedgerReaderStub(self._peers.ledger)

        of_file = key_file.read(settings.gateway_api_keys_file) if settings.gateway_api_keys_file else ()
        keys = AcceptedKeys(of_file, settings.gateway_keys_stale_seconds)
        polling = KeyPolling(reader, keys, settings.gateway_keys_seconds)
        self._key_polling = polling if settings.auth == "required" else None
        entry = Entry(_door(settings, keys, clock))
        shared = _Shared.made(settings, clock, entry, self._peers)
        counted = GatewayMetrics(self.metrics)
        original = OriginalMetrics(reader)
        self.metrics.registry.register(Polled[Figures]("ledger", original.ask, original.show))
        self._submitter = Submitter(
            RouterServiceStub(self._peers.router),
            max_batch=settings.gateway_max_batch,
            max_waiting=settings.gateway_max_waiting,
            metrics=counted,
            tracer=tracer,
        )
        traces = CallTraces(tracer, settings.gateway_trace_ratio)
        replays = Replays(LedgerServiceStub(self._peers.ledger))
        sending = Sending(shared.acceptance(), self._submitter, replays, traces)

        self._requests = RequestLog("gateway", sys.stderr.write, process)
        self._server = self._serving(settings, traces, entry)
        self.port = self._server.port
        quota = WatchQuota(settings.most_watches)
        counted.show_watches(lambda: quota.count)
        self._watches = OpenWatches(
            quota,
            lambda headers: entry.door.admit(headers).require("read"),
            min(settings.gateway_watch_seconds, self._server.longest_stream),
            self._server.closing,
        )
        watching = LedgerReaderStub(self._peers.watching)
        self._watching = Watching(watching, self._watches)
        self._feeds = Feeds(watching, self._watches)
        self._add_sending(shared, sending)
        self._add_texts(shared)
        self._add_kept(shared)
        self._add_events(shared)

    def _serving(self, settings: GatewaySettings, traces: CallTraces, entry: Entry) -> Server:
        return Server(
            settings.listen or DEFAULT_LISTEN,
            SERVICE_NAMES,
            reflect=settings.env == "development",
            drain_seconds=settings.drain_seconds,
            leave_seconds=settings.leave_seconds,
            rpcs=self.metrics.rpcs,
            tls=settings.tls,
            health_listen=settings.health_listen,
            shares_port=settings.gateway_processes > 1,
            traces=traces,
            requests=self._requests,
            take_in=receiving(entry.door),
        )

    def _add_sending(self, shared: _Shared, sending: Sending) -> None:
        """Sending, looking and operating."""
        entry, reader, admin, to = shared.entry, shared.reader, shared.admin, self._server.grpc
        ledger = LedgerServiceStub(self._peers.ledger)
        notification_service_pb2_grpc.add_NotificationServiceServicer_to_server(
            NotificationService(entry, sending, reader, ledger, admin, self._watching), to
        )
        compatibility_service_pb2_grpc.add_CompatibilityServiceServicer_to_server(
            CompatibilityService(entry, sending, shared.templates, reader), to
        )
        operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(
            OperationsService(entry, reader, admin, DeliveryServiceStub(self._peers.delivery)), to
        )
        key_service_pb2_grpc.add_KeyServiceServicer_to_server(KeyService(entry, reader, admin, shared.clock), to)
        door_service_pb2_grpc.add_DoorServiceServicer_to_server(DoorService(entry.door), to)

    def _add_texts(self, shared: _Shared) -> None:
        """Templates, and what they take in."""
        entry, reader, admin, to = shared.entry, shared.reader, shared.admin, self._server.grpc
        taking_in = TakingIn(reader, shared.heavy)
        making = TemplateMaking(taking_in, shared.heavy, shared.addresses, shared.senders)
        template_service_pb2_grpc.add_TemplateServiceServicer_to_server(
            TemplateService(entry, shared.templates, reader, admin, shared.heavy, shared.addresses, making), to
        )
        fragment_service_pb2_grpc.add_FragmentServiceServicer_to_server(
            FragmentService(entry, shared.templates, making, taking_in, shared.heavy, reader, admin), to
        )

    def _add_kept(self, shared: _Shared) -> None:
        """Recipients, senders, destinations and files."""
        entry, reader, admin, to = shared.entry, shared.reader, shared.admin, self._server.grpc
        delivery = DeliveryServiceStub(self._peers.delivery)
        recipient_service_pb2_grpc.add_RecipientServiceServicer_to_server(
            RecipientService(entry, shared.addresses, reader, admin), to
        )
        sender_service_pb2_grpc.add_SenderServiceServicer_to_server(
            SenderService(entry, shared.senders, shared.addresses, reader, admin), to
        )
        destination_service_pb2_grpc.add_DestinationServiceServicer_to_server(
            DestinationService(entry, shared.destinations, delivery, reader, admin), to
        )
        unsubscribe_service_pb2_grpc.add_UnsubscribeServiceServicer_to_server(
            UnsubscribeService(admin, shared.link_keys), to
        )
        attachment_service_pb2_grpc.add_AttachmentServiceServicer_to_server(
            AttachmentService(entry, shared.attachments), to
        )
        linked_file_service_pb2_grpc.add_LinkedFileServiceServicer_to_server(
            LinkedFileService(shared.attachments, shared.link_keys, shared.clock), to
        )

    def _add_events(self, shared: _Shared) -> None:
        """The feed, and who is sent it."""
        subscriptions, besides = LedgerSubscriptionsStub(self._peers.ledger), networks(shared.settings.event_networks)
        event_service_pb2_grpc.add_EventServiceServicer_to_server(
            EventService(shared.entry, shared.reader, self._feeds), self._server.grpc
        )
        subscription_service_pb2_grpc.add_SubscriptionServiceServicer_to_server(
            SubscriptionService(shared.entry, subscriptions, besides), self._server.grpc
        )

    async def start(self) -> None:
        """Returns when it serves."""
        if self._key_polling:
            await self._key_polling.start()
        self._watches.start()
        await self._watching.start()
        await self._feeds.start()
        await self._server.start()

    async def stop(self) -> None:
        """Lets calls in flight end, then closes."""
        await self._server.stop()
        self._requests.flush()
        await self._submitter.drain()
        if self._key_polling:
            await self._key_polling.stop()
        await self._watches.stop()
        await self._watching.stop()
        await self._feeds.stop()
        await self._peers.close()


def _door(settings: GatewaySettings, keys: AcceptedKeys, clock: Clock) -> Door:
    if settings.auth == "required":
        return KeyedDoor(keys, clock)
    logger(__name__).warning(
        "AUTHENTICATION IS OFF: anybody who reaches this port acts for the tenant 'default'; set PULSE_AUTH=required"
    )
    hosts, origins = names(settings.open_hosts), settings.cors_origins.split(",")
    return OpenDoor(OwnPages(hosts, [origin.strip() for origin in origins if origin.strip()]))
