"""LedgerReader: converts, calls, converts back."""

from __future__ import annotations

import asyncio
from typing import Any

from pulse.ledger.v1 import ledger_reader_pb2 as pb
from pulse.ledger.v1 import ledger_reader_pb2_grpc
from services.ledger.read.dead_letters import DeadLetters, place
from services.ledger.read.feed.feed import Feed
from services.ledger.read.reader import Notification, Reader
from services.ledger.read.timelines import Timelines
from services.ledger.read.walks import Walk
from services.ledger.read.watchers import Watchers
from services.ledger.rpc import pages, wire, wire_reads
from services.ledger.rpc.api_key_rpcs import ApiKeyReads
from services.ledger.rpc.attachment_rpcs import AttachmentReads
from services.ledger.rpc.destination_rpcs import DestinationReads
from services.ledger.rpc.feed.feed_rpcs import FeedReads
from services.ledger.rpc.follow_rpcs import FollowReads
from services.ledger.rpc.limit_service import LimitReads
from services.ledger.rpc.pages import PageRequest
from services.ledger.rpc.price_rpcs import add_prices, cost
from services.ledger.rpc.provider_rpcs import ProviderReads
from services.ledger.rpc.recipient_services import RecipientReads
from services.ledger.rpc.sender_rpcs import SenderReads
from services.ledger.rpc.service import named
from services.ledger.rpc.texts import wire_templates
from services.ledger.rpc.texts.fragment_rpcs import FragmentReads
from services.ledger.stores.api_key_store import ApiKeyStore
from services.ledger.stores.attachment_store import AttachmentStore
from services.ledger.stores.destination_store import DestinationStore
from services.ledger.stores.fragment_store import FragmentStore
from services.ledger.stores.limit_store import LimitStore
from services.ledger.stores.price_store import PriceStore
from services.ledger.stores.provider_store import ProviderStore
from services.ledger.stores.recipient_store import RecipientStore
from services.ledger.stores.sender_store import SenderStore
from services.ledger.stores.suppressed_addresses import SuppressedAddresses
from services.ledger.stores.template_store import TemplateStore
from shared.errors import not_found
from shared.rpc.validation import check

#: The window of statistics when none is given, s.
_DAY = 24 * 3600.0
#: Templates read at once, as one may be as large as a page.
_TEMPLATES_AT_ONCE = 20


class LedgerReader(
    FollowReads,
    FeedReads,
    LimitReads,
    RecipientReads,
    ProviderReads,
    ApiKeyReads,
    AttachmentReads,
    SenderReads,
    FragmentReads,
    DestinationReads,
    ledger_reader_pb2_grpc.LedgerReaderServicer,
):
    """Changes nothing."""

    def __init__(
        self,
        *,
        reader: Reader,
        dead_letters: DeadLetters,
        templates: TemplateStore,
        limits: LimitStore,
        recipients: RecipientStore,
        providers: ProviderStore,
        api_keys: ApiKeyStore,
        attachments: AttachmentStore,
        senders: SenderStore,
        fragments: FragmentStore,
        suppressed: SuppressedAddresses,
        prices: PriceStore,
        destinations: DestinationStore,
        timelines: Timelines,
        watchers: Watchers,
        feed: Feed,
        feed_watchers: Watchers,
        closing: asyncio.Event,
    ) -> None:
        self._reader = reader
        self._dead_letters = dead_letters
        self._templates = templates
        self._limits = limits
        self._recipients = recipients
        self._providers = providers
        self._api_keys = api_keys
        self._attachments = attachments
        self._senders = senders
        self._fragments = fragments
        self._suppressed = suppressed
        self._prices = prices
        self._destinations = destinations
        self._timelines = timelines
        self._watchers = watchers
        self._feed = feed
        self._feed_watchers = feed_watchers
        self._closing = closing

    async def GetNotification(self, request: pb.GetNotificationRequest, context: Any) -> pb.GetNotificationResponse:
        found = await self._one(request.ref)
        timeline = await self._reader.timeline(found.delivery.ref)
        notification = wire_reads.notification(found, timeline)
        add_prices(notification.timeline, await self._prices.of(found.delivery.ref))
        return pb.GetNotificationResponse(notification=notification)

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Any
    ) -> pb.ListNotificationsResponse:
        check(request)
        wanted, walk = wire_reads.filter_of(request), Walk()
        shown, token = await pages.page(
            PageRequest(wanted, request.page_size, request.page_token),
            lambda count, last: self._reader.page(wanted, count, last, walk),
            lambda row: row.delivery.notification_id,
            wire_reads.notification,
            walk=walk,
        )
        return pb.ListNotificationsResponse(notifications=shown, next_page_token=token)

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Any) -> pb.ListDeadLettersResponse:
        check(request)
        wanted, walk = wire_reads.dead_letter_filter_of(request.tenant_id, request.filter), Walk()
        shown, token = await pages.page(
            PageRequest(wanted, request.page_size, request.page_token),
            lambda count, last: self._dead_letters.page(wanted, count, last, walk),
            place,
            wire_reads.notification,
            walk=walk,
        )
        return pb.ListDeadLettersResponse(dead_letters=shown, next_page_token=token)

    async def GetTemplate(self, request: pb.GetTemplateRequest, context: Any) -> pb.GetTemplateResponse:
        check(request)
        found = await self._templates.get(request.tenant_id, request.name, request.version)
        if found is None:
            raise not_found("TEMPLATE", request.name, request.version)
        return pb.GetTemplateResponse(template=wire_templates.template(found))

    async def ListTemplates(self, request: pb.ListTemplatesRequest, context: Any) -> pb.ListTemplatesResponse:
        check(request)
        wanted = wire_reads.template_filter_of(request)
        shown, token = await pages.page(
            PageRequest(wanted, request.page_size, request.page_token),
            lambda count, last: self._templates.page(wanted, count, last),
            lambda row: row.name,
            wire_templates.template,
            at_once=_TEMPLATES_AT_ONCE,
        )
        return pb.ListTemplatesResponse(templates=shown, next_page_token=token)

    async def GetQueueDepths(self, request: pb.GetQueueDepthsRequest, context: Any) -> pb.GetQueueDepthsResponse:
        depths = await self._reader.depths(request.tenant_id)
        return pb.GetQueueDepthsResponse(lanes=[wire_reads.depth(depth) for depth in depths])

    async def GetStatistics(self, request: pb.GetStatisticsRequest, context: Any) -> pb.GetStatisticsResponse:
        cells = await self._reader.statistics(
            request.tenant_id,
            wire.length(request.window, _DAY),
            bucket=wire.length(request.bucket, 0) or None,
            by_provider=request.by_provider,
        )
        statistics = wire_reads.statistics(cells)
        found = await self._prices.costs(request.tenant_id, wire.length(request.window, _DAY))
        statistics.costs.extend(map(cost, found))
        return statistics

    async def _one(self, ref: Any) -> Notification:
        found = await self._reader.get(named(ref))
        if found is None:
            raise not_found("NOTIFICATION", ref.notification_id)
        return found
