"""The original Pulse's interface."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.gateway.v1 import compatibility_service_pb2 as api
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal


def send(**fields: Any) -> api.SendRequest:
    """A valid send of the original in which ``fields`` take the place of the usual ones."""
    context = fields.pop("context", {"name": "Ada", "code": "1", "text": "x"})
    asked = api.SendRequest(**{"user_id": "u-1", "template_name": "welcome", "to": "ada@example.com", **fields})
    asked.context.update(context)
    return asked


async def test_a_send_is_queued_with_202_and_its_replay_answers_200(client: Client) -> None:
    call = client.original.Send(send(idempotency_key="k"))
    first = await call
    assert first.status == "queued" and ("x-http-code", "202") in list(await call.initial_metadata())
    call = client.original.Send(send(idempotency_key="k"))
    again = await call
    assert ("x-http-code", "200") in list(await call.initial_metadata())
    assert (again.notification_id, again.status) == (first.notification_id, "pending")


PHONE = {"template_name": "code_otp", "to": "+15551234567"}


@pytest.mark.parametrize(
    "fields, to, subject, channel",
    [
        ({}, "ada@example.com", "", "EMAIL"),
        ({"channel": "email", "subject": "Mine", "title": "ignored"}, "ada@example.com", "Mine", "EMAIL"),
        ({"subject": "Mine", "device_token": "ignored"}, "ada@example.com", "Mine", "EMAIL"),
        ({**PHONE, "subject": "ignored", "title": "ignored"}, "+15551234567", "", "SMS"),
        ({"template_name": "code_otp", "channel": "SMS", "to": "+1234567890"}, "+1234567890", "", "SMS"),
        ({"template_name": "alert", "to": "", "device_token": "tok", "title": "Hey"}, "tok", "Hey", "PUSH"),
        ({"template_name": "alert", "channel": "Push", "to": "weaker", "device_token": "tok"}, "tok", "", "PUSH"),
        ({"template_name": "alert", "to": "tok"}, "tok", "", "PUSH"),
    ],
)
async def test_the_originals_fields_mean_what_they_meant(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], to: str, subject: str, channel: str
) -> None:
    await client.original.Send(send(**fields))
    [submission] = peers.router.submissions
    assert (submission.asked.to, submission.asked.subject) == (to, subject)
    assert enums_pb2.Channel.Name(submission.asked.channel) == channel


@pytest.mark.parametrize(
    "fields, code, reason",
    [
        ({"channel": "fax"}, Code.INVALID_ARGUMENT, "UNKNOWN_CHANNEL"),
        ({"channel": "in_app"}, Code.INVALID_ARGUMENT, "UNKNOWN_CHANNEL"),
        ({"user_id": ""}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        ({"template_name": "", "title": "x"}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        ({"to": ""}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        ({"to": "nowhere"}, Code.INVALID_ARGUMENT, "EMAIL_INVALID"),
        ({"context": {}}, Code.INVALID_ARGUMENT, "MISSING_VARIABLE"),
        ({"template_name": "nothing"}, Code.NOT_FOUND, "TEMPLATE_NOT_FOUND"),
        ({"template_name": "nothing", "title": "x"}, Code.NOT_FOUND, "TEMPLATE_NOT_FOUND"),
    ],
)
async def test_a_send_that_cannot_be_is_refused(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], code: Code, reason: str
) -> None:
    error = await refusal(client.original.Send(send(**fields)))
    assert (error.code, error.reason) == (code, reason)
    assert not peers.router.submissions


async def test_a_fresh_notification_has_nulls_for_what_is_not_known(client: Client, peers: fakes.Peers) -> None:
    peers.know(
        notification_pb2.Notification(
            notification_id=fakes.KNOWN_ID,
            user_id="u",
            template_name="welcome",
            channel="EMAIL",
            to="ada@example.com",
            status="QUEUED",
            max_attempts=6,
            create_time={"seconds": 1_780_000_000},
            next_attempt_time={"seconds": 1_780_000_000},
        )
    )
    answer = await client.original.GetStatus(api.GetStatusRequest(notification_id=fakes.KNOWN_ID))
    shown = MessageToDict(answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    assert shown == {
        "notification_id": fakes.KNOWN_ID,
        "user_id": "u",
        "template_name": "welcome",
        "channel": "email",
        "to": "ada@example.com",
        "status": "pending",
        "attempts": 0,
        "max_retries": 5,
        "created_at": "2026-05-28T20:26:40Z",
        "sent_at": None,
        "last_attempt_at": None,
        "next_retry_at": None,
        "error_message": None,
        "provider_config": {},
        "idempotency_key": None,
    }


async def test_a_notification_between_attempts_tells_why_and_when(client: Client, peers: fakes.Peers) -> None:
    peers.know(
        notification_pb2.Notification(
            notification_id=fakes.KNOWN_ID,
            channel="SMS",
            status="RETRYING",
            provider_message_id="SM1",
            attempt_count=2,
            failure={"code": "20429", "message": "too many requests"},
            last_attempt_time={"seconds": 60},
            next_attempt_time={"seconds": 120},
            idempotency_key="k",
        )
    )
    shown = await client.original.GetStatus(api.GetStatusRequest(notification_id=fakes.KNOWN_ID))
    assert (shown.status, shown.attempts, shown.error_message.string_value) == ("retrying", 2, "too many requests")
    assert shown.last_attempt_at.string_value == "1970-01-01T00:01:00Z"
    assert shown.next_retry_at.string_value == "1970-01-01T00:02:00Z"
    assert dict(shown.provider_config) == {"twilio_sid": "SM1"} and shown.idempotency_key.string_value == "k"


async def test_a_list_understands_the_originals_filters(client: Client, peers: fakes.Peers) -> None:
    peers.know(notification_pb2.Notification(notification_id=fakes.KNOWN_ID, status="SENDING"))
    answer = await client.original.List(api.ListRequest(user_id="u", status="pending", channel="sms", limit="7"))
    assert (answer.count, answer.results[0].status) == (1, "pending")
    [inner] = peers.reader.requests
    assert (inner.page_size, inner.user_id, inner.channel) == (7, "u", enums_pb2.SMS)
    assert list(inner.statuses) == [enums_pb2.SCHEDULED, enums_pb2.QUEUED, enums_pb2.SENDING]


async def test_a_list_ends_though_page_after_page_has_none(client: Client, peers: fakes.Peers) -> None:
    peers.know(notification_pb2.Notification(notification_id=str(uuid.uuid4()), status="SENT"))
    peers.reader.fitting = 0
    assert (await client.original.List(api.ListRequest())).count == 0
    assert len(peers.reader.requests) == 40


@pytest.mark.parametrize(("limit", "count", "asked"), [("4", 4, [4, 2]), ("5", 5, [5, 3, 1]), ("9", 5, [9, 7, 5])])
async def test_a_list_is_whole_though_a_page_holds_fewer(
    client: Client, peers: fakes.Peers, limit: str, count: int, asked: list[int]
) -> None:
    """The original's list has no pages: whoever asks for so many gets them, if there are any."""
    for _ in range(5):
        peers.know(notification_pb2.Notification(notification_id=str(uuid.uuid4()), status="SENT"))
    peers.reader.fitting = 2
    answer = await client.original.List(api.ListRequest(limit=limit))
    assert (answer.count, len(answer.results)) == (count, count)
    assert [inner.page_size for inner in peers.reader.requests] == asked


@pytest.mark.parametrize(
    "fields, reason",
    [
        ({"limit": "abc"}, "LIMIT_INVALID"),
        ({"limit": "-1"}, "LIMIT_INVALID"),
        ({"limit": "0"}, "LIMIT_INVALID"),
        ({"status": "lost"}, "UNKNOWN_STATUS"),
        ({"channel": "fax"}, "UNKNOWN_CHANNEL"),
        ({"user_id": "a\0"}, "USER_ID_INVALID"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused(
    client: Client, peers: fakes.Peers, fields: dict[str, str], reason: str
) -> None:
    error = await refusal(client.original.List(api.ListRequest(**fields)))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert [violation.field for violation in error.violations] == list(fields)
    assert not peers.reader.requests


async def test_templates_are_found_by_name_and_by_id(client: Client, peers: fakes.Peers) -> None:
    peers.store(*(fakes.template(f"bulk{n:03}", enums_pb2.SMS, "x") for n in range(150)))
    listed = await client.original.ListLegacyTemplates(api.ListLegacyTemplatesRequest(channel="sms"))
    assert listed.count == 151 and {one.channel for one in listed.results} == {"sms"}
    by_name = await client.original.GetLegacyTemplate(api.GetLegacyTemplateRequest(name="welcome"))
    assert (by_name.subject, by_name.body_template, by_name.channel) == ("Welcome", "Hello {{ name }}", "email")
    by_id = await client.original.GetLegacyTemplate(api.GetLegacyTemplateRequest(name=by_name.id.upper()))
    assert by_id == by_name


@pytest.mark.parametrize("name", ["nothing", fakes.KNOWN_ID, "a/b"])
async def test_an_unknown_template_is_not_found(client: Client, name: str) -> None:
    error = await refusal(client.original.GetLegacyTemplate(api.GetLegacyTemplateRequest(name=name)))
    assert (error.code, error.reason) == (Code.NOT_FOUND, "TEMPLATE_NOT_FOUND")
