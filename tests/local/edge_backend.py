"""A stand-in for the services behind Envoy, and what an error of the edge looks like."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import httpx
from google.api import httpbody_pb2
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from pulse.common.v1 import recipient_pb2
from pulse.delivery.v1 import delivery_service_pb2_grpc as delivery_grpc
from pulse.gateway.v1 import compatibility_service_pb2 as compatibility
from pulse.gateway.v1 import compatibility_service_pb2_grpc as compatibility_grpc
from pulse.gateway.v1 import notification_service_pb2 as notifications
from pulse.gateway.v1 import notification_service_pb2_grpc as notifications_grpc
from pulse.gateway.v1 import recipient_service_pb2_grpc as recipients_grpc

SEND = {"template_name": "welcome_email", "user_id": "u1", "to": "a@example.com", "channel": "email"}


class Backend(
    notifications_grpc.NotificationServiceServicer,
    compatibility_grpc.CompatibilityServiceServicer,
    recipients_grpc.RecipientServiceServicer,
    delivery_grpc.ReceiptServiceServicer,
):
    """Answers as told and remembers the metadata and the request of the last call."""

    def __init__(self) -> None:
        self.metadata: list[tuple[str, Any]] = []
        self.request: Any = None
        self.release = asyncio.Event()
        self.tell_health: Any = None

    def seen(self, name: str) -> list[Any]:
        return [value for key, value in self.metadata if key == name]

    def _note(self, request: Any, context: grpc.aio.ServicerContext) -> None:
        self.request = request
        self.metadata = [(str(k), v) for k, v in context.invocation_metadata() or ()]

    async def Send(self, request, context):
        self._note(request, context)
        if request.user_id == "limited":
            await context.abort_with_status(rpc_status.to_status(_limited()))
        if request.user_id == "throttled":
            trailing = (("retry-after", "7"), ("x-http-code", "422"))
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", trailing)
        await context.send_initial_metadata((("x-http-code", "202"),))
        return compatibility.SendResponse(notification_id="n1", status="queued")

    async def SendNotification(self, request, context):
        self._note(request, context)
        return notifications.SendNotificationResponse(notification_id="n1")

    async def ListNotifications(self, request, context):
        self._note(request, context)
        return notifications.ListNotificationsResponse()

    async def BatchSendNotifications(self, request, context):
        self._note(request, context)
        return notifications.BatchSendNotificationsResponse()

    async def UpdatePreferences(self, request, context):
        self._note(request, context)
        return request.preferences

    async def WatchNotification(self, request, context):
        self._note(request, context)
        yield notifications.WatchNotificationResponse()
        await self.release.wait()
        yield notifications.WatchNotificationResponse()

    async def GetPreferences(self, request, context):
        self._note(request, context)
        return recipient_pb2.Preferences()

    async def ReceiveTwilioReceipt(self, request, context):
        self._note(request, context)
        return httpbody_pb2.HttpBody(content_type="text/plain", data=b"")

    async def ReceiveReport(self, request, context):
        return await self.ReceiveTwilioReceipt(request, context)

    async def ReceiveSesEvent(self, request, context):
        return await self.ReceiveTwilioReceipt(request, context)


def _limited() -> status_pb2.Status:
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason="RATE_LIMITED", domain="pulse"))
    return status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="too many", details=[detail])


def assert_error(answer: httpx.Response, status: int, code: int, reason: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["code"] == code
    assert body["message"]
    (detail,) = body["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert (detail["reason"], detail["domain"]) == (reason, "pulse")
