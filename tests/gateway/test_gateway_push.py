"""What no device or provider would take of a push is refused at the door, from requests and from templates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, saying_pb2, template_pb2
from pulse.gateway.v1.template_service_pb2 import CreateTemplateRequest
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

PUSH: dict[str, Any] = {"template_name": "push", "to": "token"}


@pytest.fixture(autouse=True)
def alert(peers: fakes.Peers) -> None:
    peers.store(fakes.template("push", enums_pb2.PUSH, "x", subject="Alert"))


@pytest.mark.parametrize(
    "key", ["from", "message_type", "google.c.a.e", "gcm.notification.x", "GCM.n", "Google.a", "aps"]
)
async def test_a_key_that_fcm_keeps_to_itself_is_refused(client: Client, key: str) -> None:
    error = await refusal(client.send(**PUSH, push={"data": {key: "x", "fine": "y"}}))
    assert (error.reason, [one.field for one in error.violations]) == ("PUSH_DATA_KEY_RESERVED", [f"push.data.{key}"])


async def test_the_key_that_pulse_sets_is_refused(client: Client) -> None:
    error = await refusal(client.send(**PUSH, push={"data": {"notification_id": "x"}}))
    assert error.reason == "PUSH_DATA_KEY_RESERVED"


@pytest.mark.parametrize(
    "link",
    [
        *("https://shop.example.com/7?a=b#c", "http://shop.example.com", "HTTPS://EXAMPLE.COM/", "shop://orders/7"),
        *("com.example.shop:/orders", "mailto:help@example.com", "tel:+491511234567", "https://[2001:db8::1]/x"),
    ],
)
async def test_what_a_tap_can_open_is_a_link(client: Client, link: str) -> None:
    await client.send(**PUSH, push={"link": link})


@pytest.mark.parametrize(
    "link",
    [
        *(
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "blob:x",
        ),
        *("/orders/7", "orders", "//example.com", "https://", "https:/example.com", "https:example.com", "http://"),
        *("https://a b", "https://user@evil.example.com", "https:\\\\example.com", " https://example.com", "shop:"),
        *("intent://x#Intent;end", "ftp://a.example/x", "https://a\u200b.example", "shop://\u202e7", "wss://a.example"),
        *("blob:x", "about:blank", "content://media", "1a://x", "view-source:https://a.example"),
    ],
)
async def test_what_a_tap_must_not_open_is_refused(client: Client, link: str) -> None:
    error = await refusal(client.send(**PUSH, push={"link": link}))
    assert (error.reason, [one.field for one in error.violations]) == ("INVALID_LINK", ["push.link"])


@pytest.mark.parametrize(
    ("push", "reason"),
    [
        ({"image": "http://example.com/a.png"}, "INVALID_IMAGE"),
        ({"image": "a.png"}, "INVALID_IMAGE"),
        ({"image": "https://"}, "INVALID_IMAGE"),
        ({"icon": "http://example.com/a.png"}, "INVALID_ICON"),
        ({"icon": "../a"}, "INVALID_ICON"),
        ({"badge": -1}, "INVALID_FIELDS"),
        ({"analytics_label": "no spaces"}, "INVALID_ANALYTICS_LABEL"),
        ({"analytics_label": "x" * 51}, "INVALID_ANALYTICS_LABEL"),
        ({"analytics_label": "größe"}, "INVALID_ANALYTICS_LABEL"),
        ({"analytics_label": "x" * 257}, "INVALID_FIELDS"),
        ({"devices": 3}, "INVALID_FIELDS"),
        ({"collapse_key": "x" * 65}, "INVALID_FIELDS"),
        ({"data": {str(n): "x" for n in range(65)}}, "INVALID_FIELDS"),
        ({"data": {"": "x"}}, "INVALID_FIELDS"),
        ({"collapse_key": "größe"}, "INVALID_COLLAPSE_KEY"),
    ],
)
async def test_bad_input_has_its_reason(client: Client, push: dict[str, Any], reason: str) -> None:
    assert (await refusal(client.send(**PUSH, push=push))).reason == reason


def size(data: dict[str, str], **options: Any) -> int:
    shown = {"title": "Alert", "body": "x"}
    payload: dict[str, Any] = {"notification": shown, "data": {**data, "notification_id": "0" * 36}}
    if options:
        payload["options"] = options
    return len(json.dumps(payload, separators=(",", ":")))


async def test_all_that_a_push_carries_counts(client: Client) -> None:
    room = 4096 - size({"a": ""})
    await client.send(**PUSH, push={"data": {"a": "x" * room}})
    error = await refusal(client.send(**PUSH, push={"data": {"a": "x" * (room + 1)}}))
    assert error.reason == "PUSH_TOO_LARGE"
    assert "4097 bytes" in error.violations[0].description
    sound = 4096 - size({"a": ""}, sound="ding")
    error = await refusal(client.send(**PUSH, push={"data": {"a": "x" * (sound + 1)}, "sound": "ding"}))
    assert error.reason == "PUSH_TOO_LARGE"


async def test_a_templates_link_is_looked_at_as_it_is_filled_in(client: Client, peers: fakes.Peers) -> None:
    content = template_pb2.TemplateContent(body="x")
    content.push.link = "{{ where }}"
    peers.store(template_pb2.Template(name="linked", channel=enums_pb2.PUSH, version=1, contents=[content]))
    asked = {"template_name": "linked", "to": "token"}
    await client.send(**asked, context={"where": "https://example.com"})
    error = await refusal(client.send(**asked, context={"where": "javascript:alert(1)"}))
    assert error.reason == "INVALID_LINK"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("collapse_key", "x" * 65, "INVALID_COLLAPSE_KEY"),
        ("collapse_key", "größe", "INVALID_COLLAPSE_KEY"),
        ("analytics_label", "two words", "INVALID_ANALYTICS_LABEL"),
        ("analytics_label", "x" * 51, "INVALID_ANALYTICS_LABEL"),
        ("image", "http://example.com/a.png", "INVALID_IMAGE"),
        ("icon", "a/b", "INVALID_ICON"),
    ],
)
async def test_what_a_context_makes_of_a_template_has_its_reason(
    client: Client, peers: fakes.Peers, field: str, value: str, reason: str
) -> None:
    content = template_pb2.TemplateContent(body="x")
    setattr(content.push, field, "{{ it }}")
    peers.store(template_pb2.Template(name="filled", channel=enums_pb2.PUSH, version=1, contents=[content]))
    error = await refusal(client.send(template_name="filled", to="token", context={"it": value}))
    assert (error.reason, error.violations[0].field) == (reason, f"push.{field}")


async def test_what_a_template_says_whatever_the_context_is_looked_at_when_it_is_made(client: Client) -> None:
    made = CreateTemplateRequest()
    made.template.name, made.template.channel = "wrong", enums_pb2.PUSH
    content = made.template.contents.add(body="x")
    content.push.data["from"] = "{{ it }}"
    content.push.link = "javascript:x"
    content.push.image = "{{ picture }}"
    content.email.headers["Bcc"] = "x"
    content.email.headers["References"] = "<{{ id }}@example.com>"
    error = await refusal(client.templates.CreateTemplate(made))
    assert sorted(one.field.removeprefix("template.contents[0].") for one in error.violations) == [
        "email.headers.Bcc",
        "push.data.from",
        "push.link",
    ]


@pytest.mark.parametrize(
    ("label", "reason"), [("{{ campaign }}", ""), ("{{ a }} {{ b }}", ""), ("two words", "INVALID_ANALYTICS_LABEL")]
)
async def test_a_templates_label_may_be_filled_in_and_is_looked_at_then(
    client: Client, label: str, reason: str
) -> None:
    content = template_pb2.TemplateContent(body="x", subject="y", push=saying_pb2.Push(analytics_label=label))
    made = template_pb2.Template(name="labelled", channel=enums_pb2.PUSH, contents=[content])
    creating = client.templates.CreateTemplate(CreateTemplateRequest(template=made))
    if reason:
        assert (await refusal(creating)).reason == reason
    else:
        await creating


ALL, LATEST = saying_pb2.Push.ALL, saying_pb2.Push.LATEST
SMS = {"channel": enums_pb2.SMS, "to": "+14155550123"}


@pytest.mark.parametrize(
    ("of_template", "request_", "told"),
    [
        (0, {}, 0),
        (LATEST, {}, LATEST),
        (LATEST, {"push": {"link": "https://a.example"}}, LATEST),
        (LATEST, {"push": {"devices": ALL}}, ALL),
        (0, {"push": {"devices": LATEST}}, LATEST),
        (LATEST, {"to": "a-device"}, 0),
        (LATEST, {**SMS, "fallbacks": [{"channel": enums_pb2.PUSH}]}, LATEST),
        (LATEST, SMS, 0),
    ],
)
async def test_what_is_said_of_the_devices_is_told_to_the_ledger(
    client: Client, peers: fakes.Peers, of_template: Any, request_: dict[str, Any], told: Any
) -> None:
    content = template_pb2.TemplateContent(body="x", push=saying_pb2.Push(devices=of_template))
    peers.store(template_pb2.Template(name="told", channel=enums_pb2.PUSH, version=1, contents=[content]))
    await client.send(**{"template_name": "told", "to": "", **request_})
    asked = peers.router.submissions[-1].asked
    assert asked.push.devices == told
    assert asked.push.link == request_.get("push", {}).get("link", "")
