"""Calls of the public API that go page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Unpack

from pulse_client import calls, calls_operations, calls_recipients
from pulse_client.calls import Call, Filters
from pulse_client.calls_operations import Deaths
from pulse_client.enums import Channel
from pulse_client.models import Notification
from pulse_client.recipient import Suppression
from pulse_client.template import Template

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


def dead_letters(token: str, page_size: int, **deaths: Unpack[Deaths]) -> Call[Page[Notification]]:
    """ListDeadLetters from a page token on."""
    return _paged(calls_operations.list_dead_letters(page_size, **deaths), token)


def suppressions(token: str, user_id: str, page_size: int = 50) -> Call[Page[Suppression]]:
    """ListSuppressions from a page token on."""
    return _paged(calls_recipients.list_suppressions(user_id, page_size), token)


def _paged(call: Call[calls.Page[Entry]], token: str) -> Call[Page[Entry]]:
    request: Any = call.request
    request.page_token = token

    def read_page(answer: Any) -> Page[Entry]:
        return Page(call.read(answer).entries, answer.next_page_token)

    return Call(call.stub, call.method, request, read_page)
