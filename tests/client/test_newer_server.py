"""A gateway that is a release ahead names what this client does not know: it reads UNSPECIFIED, and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from pulse.common.v1 import limit_pb2, notification_pb2, provider_pb2, recipient_pb2, template_pb2
from pulse.gateway.v1 import notification_service_pb2, operations_service_pb2
from pulse_client import Client, read, read_operations, read_recipients
from tests.client.fake_gateway import FakeGateway

#: A number that no enumeration has.
NEWER = 99

READERS: list[tuple[Callable[[Any], Any], type[Message]]] = [
    (read.sent, notification_service_pb2.SendNotificationResponse),
    (read.result, notification_service_pb2.BatchSendResult),
    (read.notification, notification_pb2.Notification),
    (read.event, notification_pb2.TimelineEvent),
    (read.template, template_pb2.Template),
    (read.queue_depths, operations_service_pb2.GetQueueDepthsResponse),
    (read.statistics, operations_service_pb2.GetStatisticsResponse),
    (read_operations.limit, limit_pb2.Limit),
    (read_operations.provider, provider_pb2.ProviderState),
    (read_recipients.preferences, recipient_pb2.Preferences),
    (read_recipients.suppression, recipient_pb2.Suppression),
    (read_recipients.device_token, recipient_pb2.DeviceToken),
]


def newer(kind: type[Message]) -> Message:
    """A message whose every enumeration, at any depth, has a number that is not known."""
    made = kind()
    for field in kind.DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_ENUM:
            setattr(made, field.name, NEWER)
        elif _is_message(field):
            inner = newer(field.message_type._concrete_class)
            part = getattr(made, field.name)
            part.add().CopyFrom(inner) if field.is_repeated else part.CopyFrom(inner)
    return made


def _is_message(field: FieldDescriptor) -> bool:
    """Whether it holds messages of the contract."""
    kind = field.message_type
    return kind is not None and kind.full_name.startswith("pulse.") and not kind.GetOptions().map_entry


def names(value: Any) -> Iterator[StrEnum]:
    """Every name of a closed set in what was read."""
    if isinstance(value, StrEnum):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from names(getattr(value, field.name))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from names(one)


@pytest.mark.parametrize(("reader", "kind"), READERS, ids=[kind.__name__ for _, kind in READERS])
def test_every_answer_is_read(reader: Callable[[Any], Any], kind: type[Message]) -> None:
    assert {str(name) for name in names(reader(newer(kind)))} <= {"UNSPECIFIED"}


def test_a_status_that_is_not_known_has_not_ended(gateway: FakeGateway, client: Client) -> None:
    sent = client.send(user_id="ann", template="hello", to="ann@example.com")
    gateway.notifications.happen(sent.notification_id, NEWER)
    seen = client.get(sent.notification_id)
    assert (seen.status, seen.timeline[-1].status) == ("UNSPECIFIED", "UNSPECIFIED")
    assert seen.status.is_under_way
    assert not seen.status.is_success
    assert [one.notification_id for one in client.list()] == [sent.notification_id]
