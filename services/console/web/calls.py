"""Calls of the public API that the client does not make as they are needed here: page by page, and of sessions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, Unpack

from pulse.gateway.v1 import key_service_pb2
from pulse.gateway.v1.key_service_pb2_grpc import KeyServiceStub
from pulse_client import calls, calls_operations, calls_recipients
from pulse_client.calls import Call, Filters
from pulse_client.calls_operations import Deaths
from pulse_client.enums import Channel
from pulse_client.fragments.calls import list_fragments
from pulse_client.fragments.fragment import Fragment
from pulse_client.models import Notification
from pulse_client.recipient import Suppression
from pulse_client.senders.calls import list_senders
from pulse_client.senders.sender import Sender
from pulse_client.template import Template

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Page(Generic[Entry]):
    """One page of a list; ``token`` leads to the next one, empty on the last."""

    entries: Sequence[Entry]
    token: str


@dataclass(frozen=True)
class SessionKey:
    """A key that was made for a login: its id, and what is sent as the credential."""

    key_id: str
    secret: str = field(repr=False)


NO_KEY = SessionKey("", "")


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


def senders(token: str, page_size: int = 50) -> Call[Page[Sender]]:
    """ListSenders from a page token on."""
    return _paged(list_senders(page_size=page_size), token)


def fragments(token: str, page_size: int = 50) -> Call[Page[Fragment]]:
    """ListFragments from a page token on."""
    return _paged(list_fragments(page_size), token)


def _paged(call: Call[calls.Page[Entry]], token: str) -> Call[Page[Entry]]:
    request: Any = call.request
    request.page_token = token

    def read_page(answer: Any) -> Page[Entry]:
        return Page(call.read(answer).entries, answer.next_page_token)

    return Call(call.stub, call.method, request, read_page)


def begin_session(lifetime_s: float) -> Call[SessionKey]:
    """BeginSession."""
    request = key_service_pb2.BeginSessionRequest()
    request.lifetime.FromTimedelta(dt.timedelta(seconds=lifetime_s))
    return Call(KeyServiceStub, "BeginSession", request, lambda answer: SessionKey(answer.key.key_id, answer.secret))


def end_session(key_id: str) -> Call[None]:
    """EndSession."""
    request = key_service_pb2.EndSessionRequest(key_id=key_id)
    return Call(KeyServiceStub, "EndSession", request, lambda _answer: None)
