"""The public methods as the contract describes them over REST, and what a refusal of the edge names."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, MethodDescriptor

from pulse.gateway.v1 import (
    compatibility_service_pb2,
    fragment_service_pb2,
    key_service_pb2,
    notification_service_pb2,
    operations_service_pb2,
    recipient_service_pb2,
    sender_service_pb2,
    template_service_pb2,
)

FILES = (
    compatibility_service_pb2,
    fragment_service_pb2,
    key_service_pb2,
    notification_service_pb2,
    operations_service_pb2,
    recipient_service_pb2,
    sender_service_pb2,
    template_service_pb2,
)


def methods() -> Iterator[tuple[str, str, Descriptor | None, Descriptor]]:
    """HTTP method, path, the message that the body is, the request's message; of every public method."""
    for service in (service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()):
        for method in service.methods:
            yield _method(method)


def _method(method: MethodDescriptor) -> tuple[str, str, Descriptor | None, Descriptor]:
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    kind = rule.WhichOneof("pattern")
    path = getattr(rule, kind)
    for variable in [part.partition("}")[0] for part in path.split("{")[1:]]:
        path = path.replace("{" + variable + "}", "x")
    request = method.input_type
    body = request if rule.body == "*" else request.fields_by_name[rule.body].message_type if rule.body else None
    return kind.upper(), path, body, request


def refusal(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, reason and the fields that are named."""
    details = answer.json().get("details", [])
    fields = [violation["field"] for violation in details[1]["field_violations"]] if len(details) > 1 else []
    return answer.status_code, details[0]["reason"] if details else "", fields
