"""Router and ledger as the gateway sees them: in memory, served over real gRPC."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pulse.common.v1 import enums_pb2, limit_pb2, notification_pb2, template_pb2
from pulse.delivery.v1 import delivery_service_pb2_grpc
from pulse.ledger.v1 import (
    ledger_admin_pb2,
    ledger_admin_pb2_grpc,
    ledger_reader_pb2,
    ledger_reader_pb2_grpc,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    records_pb2,
)
from pulse.router.v1 import router_service_pb2, router_service_pb2_grpc
from shared.channel import template_rules
from shared.errors import Code, PulseError, not_found
from shared.rpc.serving import Server
from shared.rpc.statuses import to_status
from tests.gateway.fake_attachments import AttachmentReads, AttachmentWrites
from tests.gateway.fake_destinations import DestinationReads, DestinationWrites
from tests.gateway.fake_feeds import Feed, FeedReads
from tests.gateway.fake_fragments import FragmentReads, FragmentWrites
from tests.gateway.fake_operators import FakeDelivery, OperatorReads, Operators, OperatorWrites
from tests.gateway.fake_recipients import RecipientReads, Recipients, RecipientWrites
from tests.gateway.fake_senders import SenderReads, SenderWrites
from tests.gateway.fake_timelines import TimelineReads, Timelines

#: The time at which every test here plays, s since 1970: 2026-06-01T12:00Z.
EPOCH_OF_TESTS = 1_780_315_200
KNOWN_ID = "0197a000-0000-7000-8000-000000000001"


class FakeRouter(router_service_pb2_grpc.RouterServiceServicer):
    """Accepts everything, once for each key, unless ``refuse`` says otherwise."""

    def __init__(self) -> None:
        self.submissions: list[router_service_pb2.Submission] = []
        self.batches: list[int] = []
        self.bytes: list[int] = []
        self.refuse: Callable[[router_service_pb2.Submission], PulseError | None] = lambda _: None
        self.fail: PulseError | None = None
        self.quota: limit_pb2.QuotaState | None = None
        self.reads_asked = True  # a router of the release before does not
        self.gate = asyncio.Event()
        self.gate.set()
        self._keys: dict[tuple[str, str], tuple[bytes, str]] = {}

    def known(self, key: str, fingerprint: bytes, notification_id: str) -> None:
        """The default tenant used the key before."""
        self._keys["default", key] = (fingerprint, notification_id)

    async def Submit(self, request: Any, context: Any) -> router_service_pb2.SubmitResponse:
        self.batches.append(len(request.submissions))
        self.bytes.append(request.ByteSize())
        self.submissions.extend(request.submissions)
        await self.gate.wait()
        if self.fail:
            raise self.fail
        results = [self._result(one) for one in request.submissions]
        return router_service_pb2.SubmitResponse(results=results, reads_asked=self.reads_asked)

    def _result(self, submission: router_service_pb2.Submission) -> router_service_pb2.SubmitResult:
        refusal = self.refuse(submission)
        if refusal:
            return router_service_pb2.SubmitResult(error=to_status(refusal), quota=self.quota)
        notification_id, replayed = str(uuid.uuid4()), False
        if submission.asked.idempotency_key:
            key = (submission.tenant_id, submission.asked.idempotency_key)
            first = self._keys.setdefault(key, (submission.fingerprint, notification_id))
            if first[0] != submission.fingerprint:
                return router_service_pb2.SubmitResult(error=to_status(key_reused()))
            replayed, notification_id = first[1] != notification_id, first[1]
        return router_service_pb2.SubmitResult(
            notification_id=notification_id, status=enums_pb2.QUEUED, replayed=replayed, quota=self.quota
        )


class FakeReader(
    AttachmentReads,
    SenderReads,
    FragmentReads,
    DestinationReads,
    TimelineReads,
    FeedReads,
    RecipientReads,
    OperatorReads,
    ledger_reader_pb2_grpc.LedgerReaderServicer,
):
    """Holds templates and notifications that the test puts in, and the requests it was sent."""

    def __init__(self, recipients: Recipients, operators: Operators) -> None:
        self.recipients = recipients
        self.operators = operators
        self.attachments = {}
        self.senders = {}
        self.sender_look_ups = []
        self.fragments = {}
        self.fragment_versions = {}
        self.destinations = {}
        self.feed = Feed()
        self.suppressed = {}
        self.suppressed_look_ups = []
        self.templates = {}
        self.versions: dict[tuple[str, str, int], template_pb2.Template] = {}
        self.notifications: dict[tuple[str, str], notification_pb2.Notification] = {}
        self.requests: list[Any] = []
        self.lanes: list[ledger_reader_pb2.LaneDepth] = []
        self.cells: list[ledger_reader_pb2.StatisticsCell] = []
        self.keys: dict[str, ledger_reader_pb2.KeyRecord] = {}
        self.keys_revision = 0
        self.keys_away = False
        self.timelines = Timelines()
        self.gate = asyncio.Event()
        self.gate.set()
        #: So many notifications fit on a page.
        self.fitting = 1_000

    async def GetTemplate(self, request: Any, context: Any) -> ledger_reader_pb2.GetTemplateResponse:
        self.requests.append(request)
        await self.gate.wait()
        stored = self.templates.get((request.tenant_id, request.name))
        if request.version and (stored is None or request.version != stored.version):
            stored = self.versions.get((request.tenant_id, request.name, request.version))
        if stored is None:
            raise not_found("template", request.name)
        return ledger_reader_pb2.GetTemplateResponse(template=stored)

    async def ListTemplates(self, request: Any, context: Any) -> ledger_reader_pb2.ListTemplatesResponse:
        self.requests.append(request)
        own = [t for (tenant, _), t in sorted(self.templates.items()) if tenant == request.tenant_id]
        own = [t for t in own if request.channel in (0, t.channel)]
        start = int(request.page_token or 0)
        end = start + request.page_size
        return ledger_reader_pb2.ListTemplatesResponse(
            templates=own[start:end], next_page_token=str(end) if end < len(own) else ""
        )

    async def GetNotification(self, request: Any, context: Any) -> ledger_reader_pb2.GetNotificationResponse:
        self.requests.append(request)
        return ledger_reader_pb2.GetNotificationResponse(notification=self.find(request.ref))

    async def ListNotifications(self, request: Any, context: Any) -> ledger_reader_pb2.ListNotificationsResponse:
        self.requests.append(request)
        own = [n for (tenant, _), n in self.notifications.items() if tenant == request.tenant_id]
        own = [n for n in own if not request.statuses or n.status in request.statuses]
        start = int(request.page_token or 0)
        end = start + min(request.page_size, self.fitting)
        return ledger_reader_pb2.ListNotificationsResponse(
            notifications=own[start:end], next_page_token=str(end) if end < len(own) else ""
        )

    async def ListDeadLetters(self, request: Any, context: Any) -> ledger_reader_pb2.ListDeadLettersResponse:
        self.requests.append(request)
        own = [n for (tenant, _), n in self.notifications.items() if tenant == request.tenant_id]
        dead = [n for n in own if n.status == enums_pb2.FAILED]
        return ledger_reader_pb2.ListDeadLettersResponse(dead_letters=dead, next_page_token="next" if dead else "")

    async def GetQueueDepths(self, request: Any, context: Any) -> ledger_reader_pb2.GetQueueDepthsResponse:
        self.requests.append(request)
        return ledger_reader_pb2.GetQueueDepthsResponse(lanes=self.lanes)

    async def GetStatistics(self, request: Any, context: Any) -> ledger_reader_pb2.GetStatisticsResponse:
        self.requests.append(request)
        return ledger_reader_pb2.GetStatisticsResponse(cells=self.cells, average_retry_attempts=1.5)

    async def ListKeys(self, request: Any, context: Any) -> ledger_reader_pb2.ListKeysResponse:
        if self.keys_away:
            raise PulseError(Code.INTERNAL, "AWAY", "the ledger is away")
        if request.known_revision == self.keys_revision:
            return ledger_reader_pb2.ListKeysResponse(revision=self.keys_revision)
        wanted = [
            record
            for record in self.keys.values()
            if record.key.tenant_id == request.tenant_id
            or (not request.tenant_id and not record.key.HasField("revoke_time"))
        ]
        return ledger_reader_pb2.ListKeysResponse(keys=wanted, revision=self.keys_revision)

    def find(self, ref: records_pb2.NotificationRef) -> notification_pb2.Notification:
        found = self.notifications.get((ref.tenant_id, ref.notification_id))
        if found is None:
            raise not_found("notification", ref.notification_id)
        return found


class FakeLedger(ledger_service_pb2_grpc.LedgerServiceServicer):
    """Cancels what the reader holds; knows the keys the test puts in."""

    def __init__(self, reader: FakeReader) -> None:
        self._reader = reader
        self.cancels: list[Any] = []
        self.acknowledged: list[Any] = []
        self.keys: dict[tuple[str, str], records_pb2.RecordResult] = {}

    async def Cancel(self, request: Any, context: Any) -> ledger_service_pb2.CancelResponse:
        self.cancels.append(request)
        found = self._reader.find(request.ref)
        found.status = enums_pb2.CANCELLED
        return ledger_service_pb2.CancelResponse(notification=found)

    async def Acknowledge(self, request: Any, context: Any) -> ledger_service_pb2.AcknowledgeResponse:
        self.acknowledged.append(request)
        found = self._reader.find(request.ref)
        found.status = enums_pb2.DELIVERED
        return ledger_service_pb2.AcknowledgeResponse(notification=found)

    async def LookupKeys(self, request: Any, context: Any) -> ledger_service_pb2.LookupKeysResponse:
        unknown = records_pb2.RecordResult()
        return ledger_service_pb2.LookupKeysResponse(
            results=[self.keys.get((use.tenant_id, use.idempotency_key), unknown) for use in request.uses]
        )


class FakeAdmin(
    AttachmentWrites,
    SenderWrites,
    FragmentWrites,
    DestinationWrites,
    RecipientWrites,
    OperatorWrites,
    ledger_admin_pb2_grpc.LedgerAdminServicer,
):
    """Keeps templates where the reader finds them."""

    def __init__(self, reader: FakeReader) -> None:
        self._reader = reader
        self.recipients = reader.recipients
        self.operators = reader.operators
        self.attachments = reader.attachments
        self.senders = reader.senders
        self.fragments = reader.fragments
        self.fragment_versions = reader.fragment_versions
        self.destinations = reader.destinations
        self.templates = reader.templates
        self.puts = []
        self.changes: list[Any] = []
        self.replays: list[Any] = []

    async def CreateTemplate(self, request: Any, context: Any) -> ledger_admin_pb2.CreateTemplateResponse:
        self.changes.append(request)
        if (request.tenant_id, request.template.name) in self._reader.templates:
            raise PulseError(Code.ALREADY_EXISTS, "TEMPLATE_EXISTS", "the name is taken")
        return ledger_admin_pb2.CreateTemplateResponse(template=self._keep(request.tenant_id, request.template, 1))

    async def UpdateTemplate(self, request: Any, context: Any) -> ledger_admin_pb2.UpdateTemplateResponse:
        self.changes.append(request)
        stored = self._reader.templates.get((request.tenant_id, request.template.name))
        if stored is None:
            raise not_found("template", request.template.name)
        if request.expected_version not in (0, stored.version):
            raise template_rules.changed(stored.version, request.expected_version)
        kept = self._keep(request.tenant_id, request.template, stored.version + 1)
        return ledger_admin_pb2.UpdateTemplateResponse(template=kept)

    async def DeleteTemplate(self, request: Any, context: Any) -> ledger_admin_pb2.DeleteTemplateResponse:
        self.changes.append(request)
        if self._reader.templates.pop((request.tenant_id, request.name), None) is None:
            raise not_found("template", request.name)
        return ledger_admin_pb2.DeleteTemplateResponse()

    async def ReplayDeadLetter(self, request: Any, context: Any) -> ledger_admin_pb2.ReplayDeadLetterResponse:
        self.replays.append(request)
        found = self._reader.find(request.ref)
        if found.status != enums_pb2.FAILED:
            raise PulseError(Code.FAILED_PRECONDITION, "NOT_A_DEAD_LETTER", "it is no dead letter")
        found.status = enums_pb2.QUEUED
        return ledger_admin_pb2.ReplayDeadLetterResponse(notification=found)

    async def ReplayDeadLetters(self, request: Any, context: Any) -> ledger_admin_pb2.ReplayDeadLettersResponse:
        self.replays.append(request)
        if request.dry_run:
            return ledger_admin_pb2.ReplayDeadLettersResponse(matched=7)
        return ledger_admin_pb2.ReplayDeadLettersResponse(matched=7, replayed=5, last_due_time={"seconds": 50})

    async def CancelNotifications(self, request: Any, context: Any) -> ledger_admin_pb2.CancelNotificationsResponse:
        self.changes.append(request)
        return ledger_admin_pb2.CancelNotificationsResponse(matched=7, cancelled=0 if request.dry_run else 5)

    async def CreateKey(self, request: Any, context: Any) -> ledger_admin_pb2.CreateKeyResponse:
        record = ledger_reader_pb2.KeyRecord(key=request.key, digest=request.digest)
        record.key.create_time.GetCurrentTime()
        self._reader.keys[request.key.key_id] = record
        self._reader.keys_revision += 1
        return ledger_admin_pb2.CreateKeyResponse(key=record.key)

    async def EndKey(self, request: Any, context: Any) -> ledger_admin_pb2.EndKeyResponse:
        record = self._reader.keys.get(request.key_id)
        if record is None or record.key.tenant_id != request.tenant_id:
            raise not_found("KEY", request.key_id)
        if request.HasField("after"):
            record.key.expire_time.FromSeconds(int(EPOCH_OF_TESTS + request.after.seconds))
        else:
            record.key.revoke_time.FromSeconds(int(EPOCH_OF_TESTS))
        self._reader.keys_revision += 1
        return ledger_admin_pb2.EndKeyResponse(key=record.key)

    def _keep(self, tenant_id: str, given: template_pb2.Template, version: int) -> template_pb2.Template:
        kept = template_pb2.Template()
        kept.CopyFrom(given)
        kept.version = version
        kept.update_time.GetCurrentTime()
        self._reader.templates[tenant_id, given.name] = kept
        self._reader.versions[tenant_id, given.name, version] = kept
        return kept


@dataclass
class Peers:
    """Everything behind the gateway, on one port."""

    listen: str = "127.0.0.1:0"
    router: FakeRouter = field(default_factory=FakeRouter)
    recipients: Recipients = field(default_factory=Recipients)
    operators: Operators = field(default_factory=Operators)
    delivery: FakeDelivery = field(default_factory=FakeDelivery)
    admin_of: Callable[[FakeReader], FakeAdmin] = FakeAdmin

    def __post_init__(self) -> None:
        self.reader = FakeReader(self.recipients, self.operators)
        self.ledger = FakeLedger(self.reader)
        self.admin = self.admin_of(self.reader)
        self._server = Server(self.listen, [], reflect=False, drain_seconds=0.1)
        router_service_pb2_grpc.add_RouterServiceServicer_to_server(self.router, self._server.grpc)
        ledger_reader_pb2_grpc.add_LedgerReaderServicer_to_server(self.reader, self._server.grpc)
        ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server(self.ledger, self._server.grpc)
        ledger_admin_pb2_grpc.add_LedgerAdminServicer_to_server(self.admin, self._server.grpc)
        delivery_service_pb2_grpc.add_DeliveryServiceServicer_to_server(self.delivery, self._server.grpc)
        self.address = f"127.0.0.1:{self._server.port}"

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    def store(self, *templates: template_pb2.Template, tenant: str = "default") -> None:
        """Puts templates where the gateway finds them."""
        for template in templates:
            self.reader.templates[tenant, template.name] = template

    def know(self, notification: notification_pb2.Notification, tenant: str = "default") -> None:
        """Puts a notification where the gateway finds it."""
        self.reader.notifications[tenant, notification.notification_id] = notification
        self.reader.timelines.begin((tenant, notification.notification_id))


def key_reused() -> PulseError:
    """As the ledger refuses a key that was used for another request."""
    return PulseError(
        Code.ALREADY_EXISTS,
        "IDEMPOTENCY_KEY_REUSED",
        "the idempotency key was used for another request",
        metadata={"http_status": "422"},
    )


def template(name: str, channel: int, body: str, *, subject: str = "", version: int = 1) -> template_pb2.Template:
    """A stored template with one text for any channel."""
    content = template_pb2.TemplateContent(subject=subject, body=body)
    return template_pb2.Template(name=name, channel=channel, contents=[content], version=version)
