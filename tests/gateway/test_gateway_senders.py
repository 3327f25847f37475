"""Senders are registered by those who administer, and a notification comes from a registered one or from none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.common.v1.sender_pb2 import Sender
from pulse.common.v1.template_pb2 import Template, TemplateContent
from pulse.gateway.v1 import sender_service_pb2 as api
from pulse.gateway.v1.template_service_pb2 import CreateTemplateRequest, PreviewTemplateRequest
from pulse.ledger.v1.records_pb2 import RecordResult
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

EMAIL, SMS, PUSH, WHATSAPP = enums_pb2.EMAIL, enums_pb2.SMS, enums_pb2.PUSH, enums_pb2.WHATSAPP
TENANT = "default"
SERVICE = "MG0123456789abcdef0123456789abcdef"
FALLBACK = notification_pb2.Fallback(channel=SMS, to="+4915112345678")


def billing(**fields: Any) -> Sender:
    return Sender(**{"name": "billing", "channel": EMAIL, "address": "billing@example.com", **fields})


def text(**fields: Any) -> Sender:
    return Sender(**{"name": "text", "channel": SMS, "address": "ACME", **fields})


async def create(client: Client, sender: Sender, headers: Any = None, tenant_id: str = "") -> Sender:
    request = api.CreateSenderRequest(sender=sender, tenant_id=tenant_id)
    return await client.senders.CreateSender(request, metadata=headers)


def keep(peers: fakes.Peers, *senders: Sender) -> None:
    for one in senders:
        peers.reader.senders[TENANT, one.name] = one


def store(peers: fakes.Peers, name: str, *contents: TemplateContent) -> None:
    peers.store(Template(name=name, channel=contents[0].channel or EMAIL, version=1, contents=contents))


def pinned(peers: fakes.Peers) -> list[tuple[str, str]]:
    """Name and address of each sender of what was accepted last."""
    return [(one.name, one.address) for one in peers.router.submissions[-1].asked.senders]


def told(peers: fakes.Peers) -> list[tuple[str, str]]:
    """What the timeline of what was accepted last says of senders."""
    decisions = peers.router.submissions[-1].decisions
    return [(one.result, one.reason) for one in decisions if one.rule == "sender"]


async def test_a_sender_is_kept_with_its_address_as_it_is_sent_from(client: Client, peers: fakes.Peers) -> None:
    made = await create(
        client, billing(address="Billing@BÜCHER.example", display_name="Zoë, Billing", reply_to="a@b.eu")
    )
    assert (made.address, made.display_name, made.reply_to) == (
        "Billing@xn--bcher-kva.example",
        "Zoë, Billing",
        "a@b.eu",
    )
    listed = await client.senders.ListSenders(api.ListSendersRequest(channel=EMAIL))
    assert [one.name for one in listed.senders] == ["billing"]
    assert (await client.senders.GetSender(api.GetSenderRequest(name="billing"))).address == made.address
    changed = await client.senders.UpdateSender(api.UpdateSenderRequest(sender=billing(address="new@example.com")))
    assert (changed.address, changed.display_name) == ("new@example.com", "")
    await client.senders.DeleteSender(api.DeleteSenderRequest(name="billing"))
    error = await refusal(client.senders.GetSender(api.GetSenderRequest(name="billing")))
    assert (error.code, error.reason) == (Code.NOT_FOUND, "SENDER_NOT_FOUND")


@pytest.mark.parametrize(
    "address", ["+15005550006", "12345", "ACME", "Acme Shop", "A&B-C_1+", "12345678901"[:8], SERVICE, SERVICE.upper()]
)
async def test_text_messages_come_from_what_providers_take(client: Client, address: str) -> None:
    assert (await create(client, text(address=address))).address == address


@pytest.mark.parametrize("address", ["+14155238886", SERVICE])
async def test_whatsapp_comes_from_a_number_or_a_service(client: Client, address: str) -> None:
    assert (await create(client, text(channel=WHATSAPP, address=address))).address == address


BREAKS = ["\r\nBcc: x@example.com", "\n", "\r", "\0", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]
UNSEEN = ["\u202e", "\u200b", "\u2066", "\ufeff"]


@pytest.mark.parametrize("sign", BREAKS)
@pytest.mark.parametrize("field", ["address", "display_name", "reply_to"])
async def test_no_header_can_be_begun_in_a_sender(client: Client, field: str, sign: str) -> None:
    usual = {"address": "billing@example.com", "display_name": "Billing", "reply_to": "reply@example.com"}
    for value in (usual[field] + sign, sign + usual[field], usual[field][:4] + sign + usual[field][4:]):
        error = await refusal(create(client, billing(**{field: value})))
        assert error.code is Code.INVALID_ARGUMENT
        assert error.reason in ("CONTROL_CHARACTER", "ADDRESS_CONTROL_CHARACTER")
        assert [one.field for one in error.violations] == [f"sender.{field}"]
        assert sign not in str(error)


@pytest.mark.parametrize(
    ("sender", "field", "reason"),
    [
        (billing(address="Billing <billing@example.com>"), "address", "EMAIL_DISPLAY_NAME"),
        (billing(address="a@example.com, b@example.com"), "address", "EMAIL_DISPLAY_NAME"),
        (billing(address="a@example.com,b@example.com"), "address", "EMAIL_SEVERAL_RECIPIENTS"),
        (billing(address="example.com"), "address", "EMAIL_INVALID"),
        (billing(address="=?utf-8?q?a?=@example.com"), "address", "EMAIL_INVALID"),
        (billing(address="+15005550006"), "address", "EMAIL_INVALID"),
        (billing(reply_to="nobody"), "reply_to", "EMAIL_INVALID"),
        (billing(reply_to="a@b.eu;c@d.eu"), "reply_to", "EMAIL_SEVERAL_RECIPIENTS"),
        (billing(display_name="   "), "display_name", "SENDER_DISPLAY_NAME_EMPTY"),
        *((billing(display_name=f"Billing{sign}"), "display_name", "CONTROL_CHARACTER") for sign in UNSEEN),
        (text(address="a@example.com"), "address", "SENDER_ADDRESS_INVALID"),
        (text(address="TWELVELETTER"), "address", "SENDER_ADDRESS_INVALID"),
        (text(address="12"), "address", "SENDER_ADDRESS_INVALID"),
        (text(address="+1 500 555 0006"), "address", "SENDER_ADDRESS_INVALID"),
        (text(address="0049151123456"), "address", "SENDER_ADDRESS_INVALID"),
        (text(address="MG0123"), "address", None),
        (text(address="ACME "), "address", "SENDER_ADDRESS_INVALID"),
        (text(address="AC\nME"), "address", "CONTROL_CHARACTER"),
        (text(display_name="Acme"), "display_name", "SENDER_EMAIL_ONLY"),
        (text(reply_to="a@b.eu"), "reply_to", "SENDER_EMAIL_ONLY"),
        (text(channel=WHATSAPP), "address", "SENDER_ADDRESS_INVALID"),
        (text(channel=WHATSAPP, address="whatsapp:+14155238886"), "address", "SENDER_ADDRESS_INVALID"),
        (text(channel=WHATSAPP, address="12345"), "address", "SENDER_ADDRESS_INVALID"),
        (text(channel=PUSH), "channel", "SENDER_CHANNEL"),
    ],
)
async def test_what_cannot_be_a_sender_is_refused_by_its_field(
    client: Client, peers: fakes.Peers, sender: Sender, field: str, reason: str | None
) -> None:
    if reason is None:  # short, and of letters and digits
        await create(client, sender)
        return
    error = await refusal(create(client, sender))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert [one.field for one in error.violations] == [f"sender.{field}"]
    assert not peers.reader.senders


@pytest.mark.parametrize("name", ["", ".x", "a b", "a/b", "a\n", "ä", "x" * 101])
async def test_a_name_must_be_one_that_can_stand_in_a_path(client: Client, name: str) -> None:
    error = await refusal(create(client, billing(name=name)))
    assert error.code is Code.INVALID_ARGUMENT
    assert [one.field for one in error.violations] == ["sender.name"]


@pytest.fixture
async def keyed(serve: Any, tmp_path: Path) -> Client:
    held = {
        "root": ("platform", ["administer", "read", "send"]),
        "admin": ("acme", ["administer", "read"]),
        "clerk": ("acme", ["send", "read", "templates", "operate", "keys"]),
    }
    path = tmp_path / "keys.json"
    entries = [
        {"tenant": tenant, "name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": scopes}
        for name, (tenant, scopes) in held.items()
    ]
    path.write_text(json.dumps(entries))
    return await serve(PULSE_AUTH="required", PULSE_GATEWAY_API_KEYS_FILE=str(path))


def bearing(name: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {name}")]


async def test_only_those_who_administer_change_senders(keyed: Client, peers: fakes.Peers) -> None:
    clerk = bearing("clerk")
    for call in (
        create(keyed, billing(), clerk),
        keyed.senders.UpdateSender(api.UpdateSenderRequest(sender=billing()), metadata=clerk),
        keyed.senders.DeleteSender(api.DeleteSenderRequest(name="billing"), metadata=clerk),
    ):
        error = await refusal(call)
        assert (error.code, error.reason, error.metadata["scope"]) == (
            Code.PERMISSION_DENIED,
            "SCOPE_MISSING",
            "administer",
        )
    await create(keyed, billing(), bearing("admin"))
    assert set(peers.reader.senders) == {("acme", "billing")}
    listed = await keyed.senders.ListSenders(api.ListSendersRequest(), metadata=clerk)
    assert [one.name for one in listed.senders] == ["billing"]


async def test_another_tenants_senders_are_for_those_who_administer(keyed: Client, peers: fakes.Peers) -> None:
    await create(keyed, billing(), bearing("root"), tenant_id="acme")
    assert set(peers.reader.senders) == {("acme", "billing")}
    error = await refusal(
        keyed.senders.ListSenders(api.ListSendersRequest(tenant_id="other"), metadata=bearing("clerk"))
    )
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "SCOPE_MISSING")
    error = await refusal(keyed.send(bearing("root"), sender="billing"))
    assert error.reason in ("TEMPLATE_NOT_FOUND", "SENDER_UNKNOWN")


async def test_the_request_goes_before_the_template_and_that_before_the_default(
    client: Client, peers: fakes.Peers
) -> None:
    keep(
        peers,
        billing(),
        billing(name="orders", address="orders@example.com"),
        billing(name="usual", address="hi@example.com", is_default=True),
    )
    store(peers, "order", TemplateContent(channel=EMAIL, subject="s", body="Hi {{ name }}", sender="orders"))
    await client.send(template_name="order", sender="billing")
    assert pinned(peers) == [("billing", "billing@example.com")]
    assert told(peers) == [("billing", "EMAIL: the request names it")]
    await client.send(template_name="order")
    assert pinned(peers) == [("orders", "orders@example.com")]
    assert told(peers) == [("orders", "EMAIL: the template names it")]
    await client.send()
    assert pinned(peers) == [("usual", "hi@example.com")]
    assert told(peers) == [("usual", "EMAIL: it is the tenant's default")]


async def test_without_any_sender_nothing_is_said_and_nothing_asked_twice(client: Client, peers: fakes.Peers) -> None:
    for _ in range(5):
        await client.send()
    assert (pinned(peers), told(peers)) == ([], [])
    assert peers.reader.sender_look_ups == [(TENANT, "")]


async def test_pushes_ask_for_no_sender(client: Client, peers: fakes.Peers) -> None:
    peers.store(fakes.template("ping", PUSH, "Hi"))
    await client.send(template_name="ping", to="token-1")
    assert peers.reader.sender_look_ups == []


@pytest.mark.parametrize("name", ["ghost", "ceo@example.com", "a b", "ä", "x" * 500, "../etc"])
async def test_who_is_not_registered_cannot_be_sent_from(client: Client, peers: fakes.Peers, name: str) -> None:
    error = await refusal(client.send(sender=name))
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "SENDER_UNKNOWN")
    assert error.hint
    assert not peers.router.submissions
    assert [one for one in peers.reader.sender_look_ups if one[1] not in ("", "ghost")] == []


@pytest.mark.parametrize("sign", BREAKS)
async def test_a_request_can_begin_no_header_in_a_senders_name(client: Client, sign: str) -> None:
    error = await refusal(client.send(sender=f"billing{sign}"))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "CONTROL_CHARACTER")
    assert [one.field for one in error.violations] == ["sender"]


async def test_one_of_another_tenant_is_none(client: Client, peers: fakes.Peers) -> None:
    peers.reader.senders["acme", "billing"] = billing()
    assert (await refusal(client.send(sender="billing"))).reason == "SENDER_UNKNOWN"


async def test_a_sender_of_a_channel_that_nothing_goes_by_is_refused(client: Client, peers: fakes.Peers) -> None:
    keep(peers, text())
    error = await refusal(client.send(sender="text"))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "SENDER_WRONG_CHANNEL")
    assert [one.field for one in error.violations] == ["sender"]


async def test_each_channel_of_a_request_has_its_own_sender(client: Client, peers: fakes.Peers) -> None:
    keep(peers, billing(), text(is_default=True), text(name="alert", address="ALERT"))
    store(peers, "alarm", TemplateContent(subject="s", body="Hi {{ name }}"))
    await client.send(template_name="alarm", sender="billing", fallbacks=[FALLBACK])
    assert pinned(peers) == [("billing", "billing@example.com"), ("text", "ACME")]
    assert [reason.partition(":")[0] for _, reason in told(peers)] == ["EMAIL", "SMS"]
    await client.send(template_name="alarm", sender="alert", fallbacks=[FALLBACK])
    assert pinned(peers) == [("alert", "ALERT")]


async def test_a_content_for_any_channel_names_its_own_channels_sender(client: Client, peers: fakes.Peers) -> None:
    keep(peers, billing())
    store(peers, "alarm", TemplateContent(subject="s", body="Hi {{ name }}", sender="billing"))
    await client.send(template_name="alarm", fallbacks=[FALLBACK])
    assert pinned(peers) == [("billing", "billing@example.com")]


async def test_a_template_names_registered_senders_of_its_contents_channels(client: Client, peers: fakes.Peers) -> None:
    keep(peers, billing(), text())

    def saving(**content: Any) -> Any:
        contents = [TemplateContent(**{"channel": EMAIL, "subject": "s", "body": "b", **content})]
        return client.templates.CreateTemplate(
            CreateTemplateRequest(template=Template(name="new", channel=EMAIL, contents=contents))
        )

    for name, code, reason in (
        ("ghost", Code.PERMISSION_DENIED, "SENDER_UNKNOWN"),
        ("{{ brand }}", Code.PERMISSION_DENIED, "SENDER_UNKNOWN"),
        ("text", Code.INVALID_ARGUMENT, "SENDER_WRONG_CHANNEL"),
        ("bil\r\nling", Code.INVALID_ARGUMENT, "CONTROL_CHARACTER"),
    ):
        error = await refusal(saving(sender=name))
        assert (error.code, error.reason) == (code, reason)
        assert "template.contents[0].sender" in error.message
    assert (await saving(sender="billing")).contents[0].sender == "billing"


async def test_a_draft_is_held_to_the_same(client: Client) -> None:
    draft = [TemplateContent(subject="s", body="b", sender="ghost")]
    error = await refusal(
        client.templates.PreviewTemplate(PreviewTemplateRequest(name="new", draft=draft, channel=EMAIL))
    )
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "SENDER_UNKNOWN")


async def test_a_sender_that_templates_name_is_not_deleted_and_they_are_told(
    client: Client, peers: fakes.Peers
) -> None:
    keep(peers, billing())
    for number in range(3):
        store(peers, f"order{number}", TemplateContent(body="b", sender="billing" if number else ""))
    error = await refusal(client.senders.DeleteSender(api.DeleteSenderRequest(name="billing")))
    assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "SENDER_IN_USE")
    assert error.metadata["templates"] == "order1, order2"
    assert (TENANT, "billing") in peers.reader.senders


async def test_a_change_made_here_counts_at_once(client: Client, peers: fakes.Peers) -> None:
    await client.send()
    assert pinned(peers) == []
    await create(client, billing(is_default=True))
    await client.send()
    assert pinned(peers) == [("billing", "billing@example.com")]
    await client.senders.UpdateSender(api.UpdateSenderRequest(sender=billing(address="new@example.com")))
    await client.send(sender="billing")
    assert pinned(peers) == [("billing", "new@example.com")]
    await client.senders.DeleteSender(api.DeleteSenderRequest(name="billing"))
    assert (await refusal(client.send(sender="billing"))).reason == "SENDER_UNKNOWN"


async def test_a_replay_is_answered_though_its_sender_is_gone(client: Client, peers: fakes.Peers) -> None:
    keep(peers, billing())
    first = await client.send(sender="billing", idempotency_key="k")
    peers.ledger.keys[TENANT, "k"] = RecordResult(
        notification_id=first.notification_id, status=enums_pb2.QUEUED, replayed=True
    )
    await client.senders.DeleteSender(api.DeleteSenderRequest(name="billing"))
    again = await client.send(sender="billing", idempotency_key="k")
    assert (again.notification_id, again.replayed) == (first.notification_id, True)
