"""What messages of the contract say beside subject and text, as their set fields by name, nested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from pulse.common.v1 import asked_pb2, template_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from shared.rpc.set_fields import SetFields
from shared.saying.said import Said

#: The fields' names: requests, Asked and, as far as they are its, a template's content have them.
NAMES = Said._fields


def _of(kind: type[Message]) -> SetFields:
    descriptor: Any = kind.DESCRIPTOR
    return SetFields(descriptor, {*NAMES} & {*descriptor.fields_by_name})


_ASKED, _CONTENT, _REQUEST = _of(asked_pb2.Asked), _of(template_pb2.TemplateContent), _of(api.SendNotificationRequest)


def of_asked(asked: asked_pb2.Asked) -> dict[str, Any]:
    """What the request said, at a worker."""
    return plain(_ASKED.of(asked))


def of_content(content: template_pb2.TemplateContent) -> dict[str, Any]:
    """What a template's content says: its texts are Liquid."""
    return plain(_CONTENT.of(content))


def of_request(request: api.SendNotificationRequest) -> dict[str, Any]:
    """What a request says."""
    return plain(_REQUEST.of(request))


def plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Messages, maps and lists within ``fields`` as Python's own."""
    return {name: _plain(value) for name, value in fields.items()} if fields else {}


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | float | bytes):
        return value
    if isinstance(value, Message):
        return {field.name: _plain(inner) for field, inner in value.ListFields()}
    if isinstance(value, Mapping):
        return dict(value)
    return [_plain(one) for one in value]
