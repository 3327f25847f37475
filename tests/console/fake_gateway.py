"""A gateway in memory behind a real gRPC server: the contract's servicers, filled in."""

from __future__ import annotations

from typing import Any

import grpc.aio
from google.api import httpbody_pb2

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import (
    attachment_service_pb2_grpc,
    destination_service_pb2_grpc,
    fragment_service_pb2_grpc,
    key_service_pb2,
    key_service_pb2_grpc,
    notification_service_pb2,
    notification_service_pb2_grpc,
    operations_service_pb2_grpc,
    recipient_service_pb2_grpc,
    sender_service_pb2_grpc,
    template_service_pb2,
    template_service_pb2_grpc,
)
from shared.errors import Code, PulseError, Violation, invalid, not_found
from tests.console.book import Book, abort
from tests.console.fake_library import Destinations, Fragments, Senders
from tests.console.fake_operations import Operations
from tests.console.fake_recipients import Recipients


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
        await self._refuse(request, context)
        given = dict(request.context)
        if "{{ total" in request.template.contents[0].body:
            await abort(context, invalid([Violation("context", "does not hold 'total'")], "MISSING_VARIABLE"))
        content = request.template.contents[0]
        texts = [text.replace("{{ name }}", given.get("name", "NAME")) for text in _texts(content)]
        return template_service_pb2.PreviewTemplateResponse(
            subject=texts[0],
            body=texts[1],
            html_body=texts[2],
            locale="en",
            variables=["name"],
            email=content.email,
            push=content.push,
            whatsapp=content.whatsapp,
            **self.book.preview,
        )

    async def _refuse(self, request: Any, context: Any) -> None:
        bad = [n for n, content in enumerate(request.template.contents) if "{% bad" in content.body]
        found = [Violation(f"template.contents[{n}].body", "is not valid Liquid") for n in bad]
        if found or self.book.violations:
            await abort(context, invalid([*found, *self.book.violations], "TEMPLATE_SYNTAX" if found else "REFUSED"))

    async def _keep(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        await self._refuse(request, context)
        versions = self.book.templates.setdefault(request.template.name, [])
        if getattr(request, "expected_version", 0) not in (0, len(versions)):
            await abort(context, PulseError(Code.FAILED_PRECONDITION, "TEMPLATE_CHANGED", "its newest is another"))
        request.template.version = len(versions) + 1
        request.template.variables[:] = ["name"]
        versions.append(request.template)
        return request.template


class Attachments(attachment_service_pb2_grpc.AttachmentServiceServicer):
    """Gives files."""

    def __init__(self, book: Book) -> None:
        self.book = book

    async def DownloadAttachment(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if request.attachment_id not in self.book.files:
            await abort(context, not_found("attachment", request.attachment_id))
        return httpbody_pb2.HttpBody(data=self.book.files[request.attachment_id], content_type="text/html")


class Sessions(key_service_pb2_grpc.KeyServiceServicer):
    """Begins and ends them."""

    def __init__(self, book: Book) -> None:
        self.book = book

    async def BeginSession(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if self.book.no_sessions:
            await abort(context, self.book.no_sessions)
        key_id = f"session-{len(self.book.requests)}"
        self.book.sessions[key_id] = f"secret of {key_id}"
        return key_service_pb2.BeginSessionResponse(key={"key_id": key_id}, secret=self.book.sessions[key_id])

    async def EndSession(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        self.book.sessions.pop(request.key_id, None)
        return key_service_pb2.EndSessionResponse()


class FakeGateway:
    """All of it on a port of the loopback; give ``port`` to come back where it was."""

    def __init__(self, book: Book, port: int = 0) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        notification_service_pb2_grpc.add_NotificationServiceServicer_to_server(Notifications(book), self._server)
        operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(Operations(book), self._server)
        template_service_pb2_grpc.add_TemplateServiceServicer_to_server(Templates(book), self._server)
        recipient_service_pb2_grpc.add_RecipientServiceServicer_to_server(Recipients(book), self._server)
        attachment_service_pb2_grpc.add_AttachmentServiceServicer_to_server(Attachments(book), self._server)
        key_service_pb2_grpc.add_KeyServiceServicer_to_server(Sessions(book), self._server)
        sender_service_pb2_grpc.add_SenderServiceServicer_to_server(Senders(book), self._server)
        fragment_service_pb2_grpc.add_FragmentServiceServicer_to_server(Fragments(book), self._server)
        destination_service_pb2_grpc.add_DestinationServiceServicer_to_server(Destinations(book), self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(0)


def _texts(content: Any) -> tuple[str, str, str]:
    return content.subject, content.body, content.html_body
