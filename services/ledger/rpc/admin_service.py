"""LedgerAdmin: converts, calls, converts back."""

from __future__ import annotations

from typing import Any

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_admin_pb2 as pb
from pulse.ledger.v1 import ledger_admin_pb2_grpc
from services.ledger.move.bulk_cancel import BulkCancel
from services.ledger.move.bulk_replay import BulkReplay
from services.ledger.move.operate import OperatorActions
from services.ledger.read.dead_letters import DeadLetters
from services.ledger.read.reader import Reader
from services.ledger.rpc import wire, wire_reads
from services.ledger.rpc.api_key_rpcs import ApiKeyWrites
from services.ledger.rpc.attachment_rpcs import AttachmentWrites
from services.ledger.rpc.destination_rpcs import DestinationWrites
from services.ledger.rpc.limit_service import LimitWrites
from services.ledger.rpc.provider_rpcs import ProviderDecisions
from services.ledger.rpc.recipient_services import RecipientWrites
from services.ledger.rpc.sender_rpcs import SenderWrites
from services.ledger.rpc.service import named
from services.ledger.rpc.texts import wire_templates
from services.ledger.rpc.texts.fragment_rpcs import FragmentWrites
from services.ledger.stores.api_key_store import ApiKeyStore
from services.ledger.stores.attachment_store import AttachmentStore
from services.ledger.stores.destination_store import DestinationStore
from services.ledger.stores.fragment_store import FragmentStore
from services.ledger.stores.limit_store import LimitStore
from services.ledger.stores.provider_store import ProviderStore
from services.ledger.stores.recipient_store import RecipientStore
from services.ledger.stores.sender_store import SenderStore
from services.ledger.stores.template_store import TemplateStore
from shared.channel import template_rules
from shared.errors import PulseError, not_found
from shared.rpc.validation import check
from shared.times import to_timestamp


class LedgerAdmin(
    LimitWrites,
    RecipientWrites,
    ProviderDecisions,
    ApiKeyWrites,
    AttachmentWrites,
    SenderWrites,
    FragmentWrites,
    DestinationWrites,
    ledger_admin_pb2_grpc.LedgerAdminServicer,
):
    """For those who administer."""

    def __init__(
        self,
        *,
        operator: OperatorActions,
        bulk_replay: BulkReplay,
        bulk_cancel: BulkCancel,
        dead_letters: DeadLetters,
        templates: TemplateStore,
        reader: Reader,
        limits: LimitStore,
        recipients: RecipientStore,
        providers: ProviderStore,
        api_keys: ApiKeyStore,
        attachments: AttachmentStore,
        senders: SenderStore,
        fragments: FragmentStore,
        destinations: DestinationStore,
    ) -> None:
        self._operator = operator
        self._bulk_replay = bulk_replay
        self._bulk_cancel = bulk_cancel
        self._dead_letters = dead_letters
        self._templates = templates
        self._reader = reader
        self._limits = limits
        self._recipients = recipients
        self._providers = providers
        self._api_keys = api_keys
        self._attachments = attachments
        self._senders = senders
        self._fragments = fragments
        self._destinations = destinations

    async def CreateTemplate(self, request: pb.CreateTemplateRequest, context: Any) -> pb.CreateTemplateResponse:
        check(request)
        stored = await self._templates.create(request.tenant_id, wire_templates.template_of(request.template))
        if stored is None:
            raise template_rules.exists(request.template.name)
        return pb.CreateTemplateResponse(template=wire_templates.template(stored))

    async def UpdateTemplate(self, request: pb.UpdateTemplateRequest, context: Any) -> pb.UpdateTemplateResponse:
        check(request)
        given = wire_templates.template_of(request.template)
        stored = await self._templates.update(request.tenant_id, given, request.expected_version)
        if stored is None:
            raise await self._not_updated(request)
        return pb.UpdateTemplateResponse(template=wire_templates.template(stored))

    async def _not_updated(self, request: pb.UpdateTemplateRequest) -> PulseError:
        newest = await self._templates.get(request.tenant_id, request.template.name, 0)
        if newest is None:
            return not_found("TEMPLATE", request.template.name)
        return template_rules.changed(newest.version, request.expected_version)

    async def DeleteTemplate(self, request: pb.DeleteTemplateRequest, context: Any) -> pb.DeleteTemplateResponse:
        check(request)
        if not await self._templates.delete(request.tenant_id, request.name):
            raise not_found("TEMPLATE", request.name)
        return pb.DeleteTemplateResponse()

    async def ReplayDeadLetter(self, request: pb.ReplayDeadLetterRequest, context: Any) -> pb.ReplayDeadLetterResponse:
        ref, newest = named(request.ref), request.template == enums_pb2.NEWEST
        found = await self._operator.replay(ref, wire.clean(request.actor), newest=newest)
        notification = await self._reader.get(ref) if found else None
        if notification is None:
            raise not_found("NOTIFICATION", ref[1])
        return pb.ReplayDeadLetterResponse(notification=wire_reads.notification(notification))

    async def ReplayDeadLetters(
        self, request: pb.ReplayDeadLettersRequest, context: Any
    ) -> pb.ReplayDeadLettersResponse:
        check(request)
        wanted = wire_reads.dead_letter_filter_of(request.tenant_id, request.filter)
        matched = await self._dead_letters.count(wanted)
        if request.dry_run:
            return pb.ReplayDeadLettersResponse(matched=matched)
        replay = await self._bulk_replay.replay(
            wanted, wire.clean(request.actor), request.rate_per_second, newest=request.template == enums_pb2.NEWEST
        )
        return pb.ReplayDeadLettersResponse(
            matched=matched, replayed=replay.replayed, last_due_time=to_timestamp(replay.last_due_at)
        )

    async def CancelNotifications(
        self, request: pb.CancelNotificationsRequest, context: Any
    ) -> pb.CancelNotificationsResponse:
        check(request)
        wanted = wire_reads.waiting_filter_of(request.tenant_id, request.filter)
        matched = await self._bulk_cancel.count(wanted)
        if request.dry_run or not matched:
            return pb.CancelNotificationsResponse(matched=matched)
        cancelled = await self._bulk_cancel.cancel(wanted, wire.clean(request.actor))
        return pb.CancelNotificationsResponse(matched=matched, cancelled=cancelled)
