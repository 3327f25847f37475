"""A gateway's senders, in memory; every request is remembered."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import empty_pb2

from pulse.common.v1.sender_pb2 import Sender
from pulse.gateway.v1 import sender_service_pb2, sender_service_pb2_grpc


class Senders(sender_service_pb2_grpc.SenderServiceServicer):
    """Keeps them by name."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.kept: dict[str, Sender] = {}

    def CreateSender(self, request: Any, context: Any) -> Sender:
        return self._keep(request)

    def UpdateSender(self, request: Any, context: Any) -> Sender:
        return self._keep(request)

    def GetSender(self, request: Any, context: Any) -> Sender:
        self.requests.append(request)
        if request.name not in self.kept:
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no such sender")
        return self.kept[request.name]

    def ListSenders(self, request: Any, context: Any) -> sender_service_pb2.ListSendersResponse:
        self.requests.append(request)
        first, *others = self.kept.values()
        shown, token = (others, "") if request.page_token else ([first], "2")
        return sender_service_pb2.ListSendersResponse(senders=shown, next_page_token=token)

    def DeleteSender(self, request: Any, context: Any) -> empty_pb2.Empty:
        self.requests.append(request)
        del self.kept[request.name]
        return empty_pb2.Empty()

    def _keep(self, request: Any) -> Sender:
        self.requests.append(request)
        kept = self.kept[request.sender.name] = request.sender
        kept.update_time.FromJsonString("2026-11-23T12:00:00Z")
        return kept
