"""A gateway and a delivery service in memory behind a real gRPC server: the contract's servicers, filled in."""

from __future__ import annotations

from typing import Any

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from grpc_status import rpc_status

from pulse.common.v1 import enums_pb2, notification_pb2, template_pb2
from pulse.delivery.v1 import delivery_service_pb2, delivery_service_pb2_grpc
from pulse.gateway.v1 import (
    notification_service_pb2,
    notification_service_pb2_grpc,
    operations_service_pb2,
    operations_service_pb2_grpc,
    template_service_pb2,
    template_service_pb2_grpc,
)
from shared.clock import SystemClock
from shared.errors import Code, PulseError, Violation, invalid, not_found, to_status
from shared.ids import uuid7

KEY = "operator-key"
Kind = notification_pb2.TimelineEvent.Kind
Outcome = notification_pb2.TimelineEvent.Outcome


class Book:
    """What the fake services know, and what they were asked."""

    def __init__(self) -> None:
        self.notifications: dict[str, notification_pb2.Notification] = {}
        self.templates: dict[str, list[template_pb2.Template]] = {}
        self.requests: list[Any] = []
        self.needs_key = False
        self.failure: PulseError | None = None

    def add(self, status: int = enums_pb2.SENT, **fields: Any) -> notification_pb2.Notification:
        """A notification whose timeline holds a bit of everything."""
        now = SystemClock().now()
        values = {"user_id": "ann", "template_name": "hello", "channel": enums_pb2.EMAIL, "to": "ann@example.com"}
        stored = notification_pb2.Notification(
            notification_id=uuid7(now), status=status, template_version=1, max_attempts=5, **{**values, **fields}
        )
        stored.create_time.FromDatetime(now)
        stored.update_time.FromDatetime(now)
        stored.trace_id = "0af7651916cd43dd8448eb211c80319c"
        accepted = stored.timeline.add(
            sequence=1, kind=Kind.ACCEPTED, status=enums_pb2.QUEUED, trace_id=stored.trace_id
        )
        accepted.decisions.add(rule="lane", result="LOW", reason="Nothing asks for haste.")
        ended = stored.timeline.add(
            sequence=2, kind=Kind.ATTEMPT_ENDED, status=status, attempt=1, provider="smtp", outcome=Outcome.SUCCEEDED
        )
        ended.latency.FromMilliseconds(12)
        for event in stored.timeline:
            event.time.FromDatetime(now)
        self.notifications[stored.notification_id] = stored
        return stored

    async def begin(self, request: Any, context: Any) -> None:
        """Keeps the request; refuses it without the key, or as ``failure`` says."""
        self.requests.append(request)
        given = dict(context.invocation_metadata()).get("authorization")
        if self.needs_key and given != f"Bearer {KEY}":
            await abort(context, PulseError(Code.UNAUTHENTICATED, "API_KEY_UNKNOWN", "the API key is not known"))
        if self.failure:
            await abort(context, self.failure)

    async def find(self, notification_id: str, context: Any) -> notification_pb2.Notification:
        if notification_id not in self.notifications:
            await abort(context, not_found("notification", notification_id))
        return self.notifications[notification_id]


class Notifications(notification_service_pb2_grpc.NotificationServiceServicer):
    """Tells and takes back."""

    def __init__(self, book: Book) -> None:
        self.book = book

    async def GetNotification(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        return await self.book.find(request.notification_id, context)

    async def ListNotifications(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        found = [n for n in reversed(self.book.notifications.values()) if request.user_id in ("", n.user_id)]
        found = [n for n in found if request.status in (0, n.status) and request.channel in (0, n.channel)]
        start = int(request.page_token or 0)
        end = start + request.page_size
        token = str(end) if end < len(found) else ""
        return notification_service_pb2.ListNotificationsResponse(notifications=found[start:end], next_page_token=token)

    async def CancelNotification(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        notification = await self.book.find(request.notification_id, context)
        if notification.status != enums_pb2.QUEUED:
            await abort(context, PulseError(Code.FAILED_PRECONDITION, "NOT_CANCELLABLE", "it is SENT", hint="too late"))
        notification.status = enums_pb2.CANCELLED
        return notification


class Operations(operations_service_pb2_grpc.OperationsServiceServicer):
    """Counts and replays."""

    def __init__(self, book: Book) -> None:
        self.book = book

    async def GetQueueDepths(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        high = operations_service_pb2.QueueDepth(lane=enums_pb2.HIGH, due=3, oldest_due_age=Duration(seconds=90))
        low = operations_service_pb2.QueueDepth(lane=enums_pb2.LOW, due=40, waiting=2, sending=1)
        return operations_service_pb2.GetQueueDepthsResponse(queues=[high, low])

    async def GetStatistics(self, request: Any, context: Any) -> Any:
        """One SMS was sent in every hour that has begun within the window, and one failed in the last."""
        await self.book.begin(request, context)
        hours = request.window.ToTimedelta().total_seconds() / 3600
        cell = operations_service_pb2.StatusCount
        sent = cell(status=enums_pb2.SENT, channel=enums_pb2.SMS, count=int(hours) + 1)
        failed = cell(status=enums_pb2.FAILED, channel=enums_pb2.SMS, count=1)
        return operations_service_pb2.GetStatisticsResponse(counts=[sent, failed], average_retry_attempts=1.5)

    async def ListDeadLetters(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        dead = [n for n in self.book.notifications.values() if n.status == enums_pb2.FAILED]
        return operations_service_pb2.ListDeadLettersResponse(dead_letters=dead)

    async def ReplayDeadLetter(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        notification = await self.book.find(request.notification_id, context)
        notification.status = enums_pb2.QUEUED
        return notification


class Templates(template_service_pb2_grpc.TemplateServiceServicer):
    """Keeps every version."""

    def __init__(self, book: Book) -> None:
        self.book = book

    async def CreateTemplate(self, request: Any, context: Any) -> Any:
        return await self._keep(request, context)

    async def UpdateTemplate(self, request: Any, context: Any) -> Any:
        return await self._keep(request, context)

    async def GetTemplate(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        versions = self.book.templates.get(request.name)
        if not versions:
            await abort(context, not_found("template", request.name))
        return versions[request.version - 1]

    async def ListTemplates(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        newest = [versions[-1] for versions in self.book.templates.values()]
        return template_service_pb2.ListTemplatesResponse(templates=newest)

    async def PreviewTemplate(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        context_given = dict(request.context)
        if "name" not in context_given:
            await abort(context, invalid([Violation("context", "does not hold 'name'")], "MISSING_VARIABLE"))
        body, html = (text.replace("{{ name }}", context_given["name"]) for text in _texts(request.draft[0]))
        return template_service_pb2.PreviewTemplateResponse(body=body, html_body=html, locale="en")

    async def _keep(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if "{% bad" in request.template.contents[0].body:
            await abort(context, invalid([Violation("template", "is not valid Liquid")], "TEMPLATE_SYNTAX"))
        versions = self.book.templates.setdefault(request.template.name, [])
        request.template.version = len(versions) + 1
        request.template.variables[:] = ["name"]
        versions.append(request.template)
        return request.template


class Delivery(delivery_service_pb2_grpc.DeliveryServiceServicer):
    """One provider that can be reached and one that cannot."""

    async def ListProviders(self, request: Any, context: Any) -> Any:
        smtp = delivery_service_pb2.Provider(name="smtp", channel=enums_pb2.EMAIL, reachable=True)
        twilio = delivery_service_pb2.Provider(name="twilio", channel=enums_pb2.SMS, problem="connection refused")
        return delivery_service_pb2.ListProvidersResponse(providers=[smtp, twilio])


class FakeGateway:
    """All of it on a port of the loopback; give ``port`` to come back where it was."""

    def __init__(self, book: Book, port: int = 0) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        notification_service_pb2_grpc.add_NotificationServiceServicer_to_server(Notifications(book), self._server)
        operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(Operations(book), self._server)
        template_service_pb2_grpc.add_TemplateServiceServicer_to_server(Templates(book), self._server)
        delivery_service_pb2_grpc.add_DeliveryServiceServicer_to_server(Delivery(), self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(0)


async def abort(context: Any, error: PulseError) -> None:
    """Ends the call with this error."""
    status = rpc_status.to_status(to_status(error))
    await context.abort(status.code, status.details, status.trailing_metadata)


def _texts(content: Any) -> tuple[str, str]:
    return content.body, content.html_body
