"""Calls of the public API that go page by page or deal with dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Unpack

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import operations_service_pb2
from pulse.gateway.v1.operations_service_pb2_grpc import OperationsServiceStub
from pulse_client import calls, read
from pulse_client.calls import Call, Filters
from pulse_client.enums import Channel
from pulse_client.models import Notification
from pulse_client.template import Template
from pulse_client.wire import number

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Page(Generic[Entry]):
    """One page of a list; ``token`` leads to the next one, empty on the last."""

    entries: Sequence[Entry]
    token: str


def notifications(token: str, **filters: Unpack[Filters]) -> Call[Page[Notification]]:
    """ListNotifications from a page token on; empty: from the newest."""
    return _paged(calls.list_notifications(**filters), token)


def templates(token: str, channel: Channel | str | None = None, page_size: int = 50) -> Call[Page[Template]]:
    """ListTemplates from a page token on."""
    return _paged(calls.list_templates(channel, page_size), token)


def dead_letters(
    token: str, *, channel: str = "", provider: str = "", failure_code: str = "", page_size: int = 50
) -> Call[Page[Notification]]:
    """ListDeadLetters from a page token on; empty filters let all pass."""
    wanted = operations_service_pb2.DeadLetterFilter(
        channel=number(Channel, enums_pb2.Channel, channel or None), provider=provider, failure_code=failure_code
    )
    request = operations_service_pb2.ListDeadLettersRequest(filter=wanted, page_size=page_size, page_token=token)

    def read_page(answer: operations_service_pb2.ListDeadLettersResponse) -> Page[Notification]:
        return Page([read.notification(letter) for letter in answer.dead_letters], answer.next_page_token)

    return Call(OperationsServiceStub, "ListDeadLetters", request, read_page)


def replay(notification_id: str) -> Call[Notification]:
    """ReplayDeadLetter."""
    request = operations_service_pb2.ReplayDeadLetterRequest(notification_id=notification_id)
    return Call(OperationsServiceStub, "ReplayDeadLetter", request, read.notification)


def _paged(call: Call[calls.Page[Entry]], token: str) -> Call[Page[Entry]]:
    request: Any = call.request
    request.page_token = token

    def read_page(answer: Any) -> Page[Entry]:
        return Page(call.read(answer).entries, answer.next_page_token)

    return Call(call.stub, call.method, request, read_page)
