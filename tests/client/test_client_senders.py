"""Senders by both clients: every method carries all it is given, and reads all it gets."""

from __future__ import annotations

import dataclasses
import datetime as dt

from pulse_client import AsyncClient, Channel, Client, Sender, Template, TemplateContent
from tests.client.fake_gateway import FakeGateway

CHANGED = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
BILLING = Sender("billing", Channel.EMAIL, "billing@example.com", "Zoë, Billing", "help@example.com", True)
TEXT = Sender("text", Channel.SMS, "ACME")


def test_senders_go_and_come_whole(client: Client, gateway: FakeGateway) -> None:
    kept = dataclasses.replace(BILLING, update_time=CHANGED)
    assert client.create_sender(BILLING, "acme") == kept == client.get_sender("billing")
    assert gateway.senders.requests[0].tenant_id == "acme"
    client.create_sender(TEXT)
    assert [one.name for one in client.list_senders("sms", tenant_id="acme")] == ["billing", "text"]
    listed = gateway.senders.requests[-1]
    assert (listed.channel, listed.tenant_id, listed.page_token) == (2, "acme", "2")
    changed = dataclasses.replace(BILLING, address="new@example.com", is_default=False)
    assert client.update_sender(changed).address == "new@example.com"
    client.delete_sender("text")
    assert list(gateway.senders.kept) == ["billing"]


async def test_the_asyncio_client_does_the_same(gateway: FakeGateway) -> None:
    async with AsyncClient(gateway.address) as client:
        assert (await client.create_sender(BILLING)).display_name == "Zoë, Billing"
        await client.update_sender(TEXT)
        assert [one.name async for one in client.list_senders()] == ["billing", "text"]
        assert (await client.get_sender("text")).channel is Channel.SMS
        await client.delete_sender("text")


def test_requests_and_contents_name_a_sender(client: Client, gateway: FakeGateway) -> None:
    client.send(user_id="u", template="welcome", to="ann@example.org", sender="billing")
    assert gateway.notifications.requests[-1].sender == "billing"
    content = TemplateContent(body="Hi", channel=Channel.EMAIL, sender="billing")
    stored = client.create_template(Template("t", Channel.EMAIL, (content,)))
    assert stored.contents[0].sender == "billing"
    silent = Template("t", Channel.EMAIL, (TemplateContent(body="Ho", channel=Channel.EMAIL),))
    assert silent.keeping(stored).contents[0].sender == "billing", "an update that says nothing of it keeps it"
