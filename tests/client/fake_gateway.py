"""A gateway in memory behind a real gRPC server: the contract's servicers, with one thing overridden each."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.protobuf.duration_pb2 import Duration
from grpc_status import rpc_status

from pulse.common.v1 import enums_pb2, notification_pb2, template_pb2
from pulse.gateway.v1 import (
    destination_service_pb2_grpc,
    fragment_service_pb2_grpc,
    notification_service_pb2,
    notification_service_pb2_grpc,
    operations_service_pb2,
    operations_service_pb2_grpc,
    recipient_service_pb2_grpc,
    sender_service_pb2_grpc,
    template_service_pb2,
    template_service_pb2_grpc,
)
from shared.clock import SystemClock
from shared.errors import Code, PulseError, Violation, invalid, not_found
from shared.ids import uuid7
from shared.rpc.statuses import to_status
from tests.client.fake_fragments import Fragments
from tests.client.fake_kept import Destinations, Kept, Recipients
from tests.client.fake_senders import Senders

Kind = notification_pb2.TimelineEvent.Kind
LIMITED = PulseError(Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "10 per 60 s for this user and channel", retry_after=7)
AWAY = PulseError(Code.UNAVAILABLE, "ROUTER_UNAVAILABLE", "the router does not answer")


class Gate:
    """Holds calls back, by method, until it is opened; at first it is open."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._shut: set[str] = set()
        #: How many wait.
        self.count = 0

    def shut(self, *methods: str) -> None:
        with self._changed:
            self._shut.update(methods)

    def open(self, *methods: str) -> None:
        """For these methods; for all if none is named."""
        with self._changed:
            self._shut -= {*methods} or {*self._shut}
            self._changed.notify_all()

    def go_through(self, method: str, context: Any) -> None:
        """Returns once the gate is open, or the caller has gone."""
        with self._changed:
            self.count += 1
            while method in self._shut and context.is_active():
                self._changed.wait(0.01)
            self.count -= 1


class Notifications(notification_service_pb2_grpc.NotificationServiceServicer):
    """Accepts, remembers keys, refuses ``to`` without an @ (a push may have none), and fails as ``script`` says."""

    def __init__(self) -> None:
        self.stored: dict[str, notification_pb2.Notification] = {}
        self.requests: list[notification_service_pb2.SendNotificationRequest] = []
        self.calls: list[str] = []
        self.metadata: dict[str, str] = {}
        #: Errors for the next calls, whatever they ask; None lets one pass.
        self.script: deque[PulseError | None] = deque()
        #: How often a request for this address is limited before it passes.
        self.limited: dict[str, int] = {}
        self._lock = threading.Lock()
        #: Refusals of the next requests for an address, one each.
        self.refusals: dict[str, deque[PulseError]] = {}
        #: What came in batches, and the traces that were named.
        self.batches: list[notification_service_pb2.BatchSendNotificationsRequest] = []
        #: Where sends wait.
        self.gate = Gate()
        #: Of how many results a batch's answer falls short.
        self.missing = 0
        #: After how many events the next streams break; streams beyond run to their end.
        self.breaks: deque[int] = deque()
        self.watched_after: list[int] = []

    def SendNotification(self, request: Any, context: Any) -> Any:
        self._begin("SendNotification", context)
        self.gate.go_through("SendNotification", context)
        answer = self._accept(request)
        if isinstance(answer, PulseError):
            _abort(context, answer)
        return notification_service_pb2.SendNotificationResponse(**answer)

    def BatchSendNotifications(self, request: Any, context: Any) -> Any:
        self.batches.append(request)
        self._begin("BatchSendNotifications", context)
        self.gate.go_through("BatchSendNotifications", context)
        results = []
        for one in request.requests:
            answer = self._accept(one)
            values = {"error": to_status(answer)} if isinstance(answer, PulseError) else answer
            results.append(notification_service_pb2.BatchSendResult(**values))
        kept = results[: len(results) - self.missing]
        return notification_service_pb2.BatchSendNotificationsResponse(results=kept)

    def GetNotification(self, request: Any, context: Any) -> Any:
        self._begin("GetNotification", context)
        return self._find(request.notification_id, context)

    def ListNotifications(self, request: Any, context: Any) -> Any:
        self._begin("ListNotifications", context)
        found = [n for n in reversed(self.stored.values()) if request.user_id in ("", n.user_id)]
        found = [n for n in found if request.status in (0, n.status)]
        start = int(request.page_token or 0)
        end = start + (request.page_size or 50)
        token = str(end) if end < len(found) else ""
        return notification_service_pb2.ListNotificationsResponse(notifications=found[start:end], next_page_token=token)

    def WatchNotification(self, request: Any, context: Any) -> Any:
        self._begin("WatchNotification", context)
        self.watched_after.append(request.after_sequence)
        notification = self._find(request.notification_id, context)
        events = [event for event in notification.timeline if event.sequence > request.after_sequence]
        most = self.breaks.popleft() if self.breaks else len(events)
        for event in events[:most]:
            yield notification_service_pb2.WatchNotificationResponse(event=event, status=event.status)
        if most < len(events):
            _abort(context, AWAY)
        while notification.status == enums_pb2.QUEUED and context.is_active():
            time.sleep(0.01)  # an open stream: it ends when the caller goes away

    def AcknowledgeNotification(self, request: Any, context: Any) -> Any:
        self._begin("AcknowledgeNotification", context)
        notification = self._find(request.notification_id, context)
        notification.status = enums_pb2.DELIVERED
        return notification

    def CancelNotification(self, request: Any, context: Any) -> Any:
        self._begin("CancelNotification", context)
        notification = self._find(request.notification_id, context)
        if notification.status not in (enums_pb2.QUEUED, enums_pb2.CANCELLED):
            _abort(context, PulseError(Code.FAILED_PRECONDITION, "TOO_LATE", "it has been sent"))
        notification.status = enums_pb2.CANCELLED
        return notification

    def CancelNotifications(self, request: Any, context: Any) -> Any:
        self._begin("CancelNotifications", context)
        self.requests.append(request)
        return notification_service_pb2.CancelNotificationsResponse(matched=7, cancelled=0 if request.dry_run else 5)

    def happen(self, notification_id: str, *statuses: int) -> None:
        """Gives a notification a timeline that leads through these statuses."""
        notification = self.stored[notification_id]
        for status in statuses:
            kind = Kind.ATTEMPT_ENDED if status == enums_pb2.SENT else Kind.ATTEMPT_STARTED
            event = notification.timeline.add(
                sequence=len(notification.timeline) + 1, kind=kind, status=status, attempt=1, provider="smtp"
            )
            event.time.FromDatetime(SystemClock().now())
            notification.status = status

    def _begin(self, name: str, context: Any) -> None:
        self.calls.append(name)
        self.metadata = dict(context.invocation_metadata())
        if self.script and (error := self.script.popleft()):
            _abort(context, error)

    def _accept(self, request: Any) -> dict[str, Any] | PulseError:
        with self._lock:
            return self._accepted(request)

    def _accepted(self, request: Any) -> dict[str, Any] | PulseError:
        self.requests.append(request)
        if "@" not in request.to and (request.to or request.channel != enums_pb2.PUSH):
            return invalid([Violation("to", "must be a mail address")])
        if request.template_name == "nothing":
            return not_found("template", request.template_name)
        if self.limited.get(request.to, 0):
            self.limited[request.to] -= 1
            return LIMITED
        if self.refusals.get(request.to):
            return self.refusals[request.to].popleft()
        for known in self.stored.values():
            if known.idempotency_key == request.idempotency_key:
                return {"notification_id": known.notification_id, "status": known.status, "replayed": True}
        return {"notification_id": self._store(request), "status": enums_pb2.QUEUED}

    def _store(self, request: Any) -> str:
        now = SystemClock().now()
        notification = notification_pb2.Notification(
            notification_id=uuid7(now),
            user_id=request.user_id,
            template_name=request.template_name,
            template_version=1,
            channel=request.channel or enums_pb2.EMAIL,
            to=request.to,
            status=enums_pb2.QUEUED,
            idempotency_key=request.idempotency_key,
            metadata=request.metadata,
            fallbacks=request.fallbacks,
        )
        notification.create_time.FromDatetime(now)
        accepted = notification.timeline.add(sequence=1, kind=Kind.ACCEPTED, status=enums_pb2.QUEUED)
        accepted.decisions.add(rule="lane", result="LOW", reason="no rule says HIGH")
        self.stored[notification.notification_id] = notification
        return notification.notification_id

    def _find(self, notification_id: str, context: Any) -> notification_pb2.Notification:
        if notification_id not in self.stored:
            _abort(context, not_found("notification", notification_id))
        return self.stored[notification_id]


class Templates(template_service_pb2_grpc.TemplateServiceServicer):
    """Keeps the newest version of each."""

    def __init__(self) -> None:
        self.stored: dict[str, template_pb2.Template] = {}
        self.refusal: PulseError | None = None

    def CreateTemplate(self, request: Any, context: Any) -> Any:
        if self.refusal:
            _abort(context, self.refusal)
        if request.template.name in self.stored:
            _abort(context, PulseError(Code.ALREADY_EXISTS, "TEMPLATE_EXISTS", "the name is taken"))
        return self._keep(request.template, 1)

    def UpdateTemplate(self, request: Any, context: Any) -> Any:
        return self._keep(request.template, self._find(request.template.name, context).version + 1)

    def GetTemplate(self, request: Any, context: Any) -> Any:
        return self._find(request.name, context)

    def ListTemplates(self, request: Any, context: Any) -> Any:
        found = [t for _, t in sorted(self.stored.items()) if request.channel in (0, t.channel)]
        return template_service_pb2.ListTemplatesResponse(templates=found)

    def DeleteTemplate(self, request: Any, context: Any) -> Any:
        del self.stored[self._find(request.name, context).name]
        return empty_pb2.Empty()

    def PreviewTemplate(self, request: Any, context: Any) -> Any:
        content = request.draft[0] if request.draft else self._find(request.name, context).contents[0]
        name = dict(request.context).get("name", "")
        body = content.body.replace("{{ name }}", name)
        return template_service_pb2.PreviewTemplateResponse(subject=content.subject, body=body, locale="en")

    def _keep(self, template: Any, version: int) -> Any:
        template.version = version
        self.stored[template.name] = template
        return template

    def _find(self, name: str, context: Any) -> Any:
        if name not in self.stored:
            _abort(context, not_found("template", name))
        return self.stored[name]


class Operations(Kept, operations_service_pb2_grpc.OperationsServiceServicer):
    """Fixed figures, and what operators decide."""

    def GetQueueDepths(self, request: Any, context: Any) -> Any:
        depth = operations_service_pb2.QueueDepth(
            lane=enums_pb2.HIGH, due=3, waiting=2, sending=1, oldest_due_age=Duration(seconds=90)
        )
        return operations_service_pb2.GetQueueDepthsResponse(queues=[depth])

    def GetStatistics(self, request: Any, context: Any) -> Any:
        count = operations_service_pb2.StatusCount(status=enums_pb2.SENT, channel=enums_pb2.SMS, count=41)
        cost = notification_pb2.Cost(
            day={"seconds": 1_780_272_000},
            channel=enums_pb2.SMS,
            provider="twilio",
            price={"amount": "12.3398", "currency": "USD"},
            count=1562,
        )
        return operations_service_pb2.GetStatisticsResponse(counts=[count], average_retry_attempts=1.5, costs=[cost])


class FakeGateway:
    """All services on a port of the loopback; give ``port`` to come back where it was."""

    def __init__(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> None:
        self.notifications = Notifications()
        self.templates = Templates()
        self.operations = Operations()
        self.recipients = Recipients()
        self.senders = Senders()
        self.fragments = Fragments()
        self.destinations = Destinations()
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        notification_service_pb2_grpc.add_NotificationServiceServicer_to_server(self.notifications, self._server)
        template_service_pb2_grpc.add_TemplateServiceServicer_to_server(self.templates, self._server)
        operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(self.operations, self._server)
        recipient_service_pb2_grpc.add_RecipientServiceServicer_to_server(self.recipients, self._server)
        fragment_service_pb2_grpc.add_FragmentServiceServicer_to_server(self.fragments, self._server)
        sender_service_pb2_grpc.add_SenderServiceServicer_to_server(self.senders, self._server)
        destination_service_pb2_grpc.add_DestinationServiceServicer_to_server(self.destinations, self._server)
        place = f"127.0.0.1:{port}"
        bound = (
            self._server.add_secure_port(place, credentials) if credentials else self._server.add_insecure_port(place)
        )
        self.address = f"127.0.0.1:{bound}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()


def _abort(context: Any, error: PulseError) -> None:
    context.abort_with_status(rpc_status.to_status(to_status(error)))
