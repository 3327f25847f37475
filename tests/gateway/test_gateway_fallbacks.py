"""Pushes without an address, and the channels that a notification moves on to."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import compatibility_service_pb2 as original
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

PUSH = {"template_name": "alert", "context": {"text": "x"}, "to": ""}
SMS = {"channel": "SMS", "to": "+15551234567", "after": {"seconds": 30}}


async def test_a_push_may_go_to_whatever_devices_the_user_has(client: Client, peers: fakes.Peers) -> None:
    await client.send(**PUSH)
    assert (peers.router.submissions[0].asked.channel, peers.router.submissions[0].asked.to) == (enums_pb2.PUSH, "")


async def test_the_original_interface_may_leave_the_device_out_too(client: Client, peers: fakes.Peers) -> None:
    await client.original.Send(original.SendRequest(template_name="alert", user_id="u", context={"text": "x"}))
    assert peers.router.submissions[0].asked.to == ""


async def test_fallbacks_travel_in_order_with_their_addresses_normalised(client: Client, peers: fakes.Peers) -> None:
    mail = {"channel": "EMAIL", "to": "ada@EXAMPLE.com"}
    await client.send(**PUSH, fallbacks=[SMS, mail])
    first, second = peers.router.submissions[0].asked.fallbacks
    assert (first.channel, first.to, first.after.seconds) == (enums_pb2.SMS, "+15551234567", 30)
    assert (second.channel, second.to, second.HasField("after")) == (enums_pb2.EMAIL, "ada@example.com", False)


async def test_a_fallback_to_push_needs_no_address(client: Client, peers: fakes.Peers) -> None:
    await client.send(fallbacks=[{"channel": "PUSH"}])
    assert peers.router.submissions[0].asked.fallbacks[0].to == ""


async def test_lengths_of_time_are_passed_on_balanced(client: Client, peers: fakes.Peers) -> None:
    await client.send(fallbacks=[{**SMS, "after": {"seconds": 5, "nanos": -1}}])
    after = peers.router.submissions[0].asked.fallbacks[0].after
    assert (after.seconds, after.nanos) == (4, 999_999_999)


async def test_fallbacks_are_part_of_what_an_idempotency_key_stands_for(client: Client, peers: fakes.Peers) -> None:
    await client.send(idempotency_key="k", fallbacks=[SMS])
    assert (await client.send(idempotency_key="k", fallbacks=[SMS])).replayed
    for other in ([], [{**SMS, "after": {"seconds": 31}}], [{**SMS, "to": "+15551234568"}], [{"channel": "PUSH"}]):
        assert (await refusal(client.send(idempotency_key="k", fallbacks=other))).reason == "IDEMPOTENCY_KEY_REUSED"


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"to": ""}, "INVALID_FIELDS", "to"),
    ({"template_name": "alert", "context": {"text": "x"}, "channel": "EMAIL", "to": ""}, "INVALID_FIELDS", "to"),
    ({"fallbacks": [{}]}, "INVALID_FIELDS", "fallbacks[0].channel"),
    ({"fallbacks": [{**SMS, "channel": 77}]}, "INVALID_FIELDS", "fallbacks[0].channel"),
    ({"fallbacks": [SMS] * 5}, "INVALID_FIELDS", "fallbacks"),
    ({"fallbacks": [{**SMS, "to": ""}]}, "INVALID_FIELDS", "fallbacks[0].to"),
    ({"fallbacks": [{**SMS, "to": "x" * 4097}]}, "INVALID_FIELDS", "fallbacks[0].to"),
    ({"fallbacks": [{**SMS, "to": "+1555\0"}]}, "ADDRESS_CONTROL_CHARACTER", "fallbacks[0].to"),
    ({"fallbacks": [{**SMS, "to": "0151"}]}, "PHONE_NOT_E164", "fallbacks[0].to"),
    ({"fallbacks": [{"channel": "PUSH", "to": "two words"}]}, "DEVICE_TOKEN_INVALID", "fallbacks[0].to"),
    ({"fallbacks": [{**SMS, "after": {"nanos": 5}}]}, "INVALID_FIELDS", "fallbacks[0].after"),
    ({"fallbacks": [{**SMS, "after": {"seconds": 604_801}}]}, "INVALID_FIELDS", "fallbacks[0].after"),
    ({"fallbacks": [{**SMS, "after": {"seconds": -5}}]}, "INVALID_FIELDS", "fallbacks[0].after"),
    ({"fallbacks": [SMS, SMS]}, "CHANNEL_REPEATED", "fallbacks[1].channel"),
    ({"fallbacks": [{"channel": "EMAIL", "to": "b@example.com"}]}, "CHANNEL_REPEATED", "fallbacks[0].channel"),
    ({"template_name": "mail_only", "fallbacks": [SMS]}, "NO_CONTENT_FOR_CHANNEL", "fallbacks[0].channel"),
    ({"template_name": "two_texts", "fallbacks": [SMS]}, "MISSING_VARIABLE", "context"),
    ({"context": {"name": "x" * 4097}, "fallbacks": [{"channel": "PUSH"}]}, "PUSH_TOO_LARGE", "context"),
]


@pytest.mark.parametrize("fields, reason, field", CASES)
async def test_a_destination_that_cannot_be_is_refused_at_its_place(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], reason: str, field: str
) -> None:
    only_mail = fakes.template("mail_only", enums_pb2.EMAIL, "Hi {{ name }}")
    only_mail.contents[0].channel = enums_pb2.EMAIL
    two_texts = fakes.template("two_texts", enums_pb2.EMAIL, "Hi {{ name }}")
    two_texts.contents.add(channel=enums_pb2.SMS, body="{{ code }}")
    peers.store(only_mail, two_texts)
    error = await refusal(client.send(**fields))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert field in [violation.field for violation in error.violations]
    assert not peers.router.submissions


async def test_a_missing_address_is_said_as_any_missing_field(client: Client) -> None:
    error = await refusal(client.send(to=""))
    assert [(violation.field, violation.description) for violation in error.violations] == [("to", "is required")]
