"""What makes a request another one: as the release before counted it, whose keys are still kept."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.gateway.v1 import notification_service_pb2 as api
from services.gateway import wire
from services.gateway.rules import fingerprint
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

LEAST = {"user_id": "u-1", "template_name": "welcome", "to": "x"}
#: Another value than none for every field that there is.
OTHER: dict[str, Any] = {
    "user_id": "u-2",
    "template_name": "news",
    "to": "y",
    "channel": 2,
    "priority": 1,
    "send_at": {},
    "expires_at": {},
    "ttl": {"seconds": 1},
    "locale": "de",
    "metadata": {"": ""},
    "delivery_guarantee": 2,
    "subject": "Hi",
    "sender": "billing",
    "fallbacks": [{}],
    "email": {"reply_to": "help@example.com"},
    "push": {"badge": 0},
    "sms": {"transliterate": False},
    "attachments": [{}],
    "whatsapp": {"content_sid": "HX"},
}


def of(**fields: Any) -> str:
    request = api.SendNotificationRequest(**(LEAST | fields))
    return fingerprint.of(wire.counted(wire.said(request)), '{"name":"Ada"}').hex()


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({"to": "ada@example.com"}, "067f69ecf10a2da163ee5f83fe711d4df2fa1edf4d65de376d5f0bec8a94b876"),
        (
            {"user_id": "ü", "template_name": "otp", "to": "+4915112345678", "locale": "de-AT", "subject": "Hi"},
            "ee924fe8b5c997da92efcd7cefd486cc5b1c6259b5fa20f57ee75b6a53c592ca",
        ),
        (
            {"channel": 2, "priority": 1, "delivery_guarantee": 2},
            "a2f40050908f338c6a7799385dd2af05b7cea74a3f870cb171c3a679545ced27",
        ),
        (
            {"delivery_guarantee": 1, "metadata": {}, "fallbacks": []},
            "15b8e374b3bafb68c0a2afd2b4dab3e4ec5a7c0c9f1082acd8a93ddfb95085d6",
        ),
        (
            {"send_at": {"seconds": 1780320000, "nanos": 5}, "ttl": {"seconds": 60}},
            "cdea0e47668875fa90d6da67209ef48e433116870bbf61d2fcfbde6f2ffacafd",
        ),
        ({"send_at": {}, "expires_at": {}}, "f04b802411671bf2eff389bbd3aba30e29ebd7eb33c4ddc3d10532a6bb3686e0"),
        (
            {
                "metadata": {"b": "2", "a": "", "": "é"},
                "fallbacks": [{"channel": 2, "to": "+1", "after": {"seconds": 30, "nanos": 1}}, {"channel": 3}],
            },
            "63c53806d46ec4170681a1272794e5b4bf260a861be3e3bd24966d508caa7c70",
        ),
    ],
)
def test_the_release_before_counted_the_same(fields: dict[str, Any], counted: str) -> None:
    assert of(**fields) == counted


def test_every_field_makes_another_request_but_those_that_do_not_say_what_is_asked() -> None:
    names = {field.name for field in api.SendNotificationRequest.DESCRIPTOR.fields}
    assert names - {*OTHER} == {"context", "idempotency_key", "validate_only"}
    assert len({of(), *(of(**{name: value}) for name, value in OTHER.items())}) == 1 + len(OTHER)
    assert of(idempotency_key="k", validate_only=True) == of()


#: What the release before recorded for the usual request of these tests.
RECORDED = bytes.fromhex("067f69ecf10a2da163ee5f83fe711d4df2fa1edf4d65de376d5f0bec8a94b876")


async def test_a_key_that_the_release_before_recorded_is_replayed(client: Client, peers: fakes.Peers) -> None:
    peers.router.known("k-1", RECORDED, fakes.KNOWN_ID)
    answer = await client.send(idempotency_key="k-1")
    assert (answer.notification_id, answer.replayed) == (fakes.KNOWN_ID, True)


@pytest.mark.parametrize("fields", [{"user_id": "u-2"}, {"context": {"name": "Eve"}}, {"metadata": {"a": "b"}}])
async def test_with_another_body_it_is_still_refused(
    client: Client, peers: fakes.Peers, fields: dict[str, Any]
) -> None:
    peers.router.known("k-1", RECORDED, fakes.KNOWN_ID)
    assert (await refusal(client.send(idempotency_key="k-1", **fields))).reason == "IDEMPOTENCY_KEY_REUSED"
