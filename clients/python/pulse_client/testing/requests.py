"""What a fake gateway was asked to send."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as pb
from pulse_client.enums import Channel, Priority
from pulse_client.wire import name


@dataclass(frozen=True)
class Received:
    """One request, as the caller made it. ``message`` has the fields that have no attribute here."""

    user_id: str
    template: str
    to: str
    context: Mapping[str, Any]
    channel: Channel
    priority: Priority
    idempotency_key: str
    metadata: Mapping[str, str]
    message: pb.SendNotificationRequest
    #: The notification that it made or, under a known key, had made; empty if it was refused, or only checked.
    notification_id: str = ""
    #: Why it was refused; empty: it was not.
    reason: str = ""


def received(request: pb.SendNotificationRequest, notification_id: str, reason: str) -> Received:
    """From the wire."""
    return Received(
        user_id=request.user_id,
        template=request.template_name,
        to=request.to,
        context=context(request),
        channel=name(Channel, enums_pb2.Channel, request.channel),
        priority=name(Priority, enums_pb2.Priority, request.priority),
        idempotency_key=request.idempotency_key,
        metadata=dict(request.metadata),
        message=request,
        notification_id=notification_id,
        reason=reason,
    )


def context(request: pb.SendNotificationRequest) -> dict[str, Any]:
    """The template's variables; whole numbers as int, as they were before JSON."""
    plain: dict[str, Any] = _whole(json_format.MessageToDict(request.context))
    return plain


def fingerprint(request: pb.SendNotificationRequest) -> bytes:
    """Equal for two requests that ask for the same, as a gateway has it: defaults and the context's order count not."""
    asked = pb.SendNotificationRequest()
    asked.CopyFrom(request)
    asked.ClearField("idempotency_key")
    asked.ClearField("validate_only")
    asked.ClearField("context")
    if asked.delivery_guarantee == enums_pb2.AT_LEAST_ONCE:
        asked.ClearField("delivery_guarantee")
    said = [_plain(asked), context(request)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()


def _plain(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return made


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
