"""``pulse senders``, and senders in ``pulse send``, against a gateway that is really served."""

from __future__ import annotations

import json
from collections.abc import Callable

from typer.testing import Result

from tests.client.fake_gateway import FakeGateway

Pulse = Callable[..., Result]
BILLING = ("billing", "--channel", "email", "--from", "billing@example.com")


def test_a_sender_is_registered_changed_and_forgotten(pulse: Pulse, gateway: FakeGateway) -> None:
    given = ("--display-name", "Billing", "--reply-to", "help@example.com", "--default", "--tenant", "acme")
    done = pulse("senders", "create", *BILLING, *given)
    assert (done.exit_code, "billing@example.com by EMAIL" in done.output) == (0, True), done.output
    [asked] = gateway.senders.requests
    sender = asked.sender
    assert asked.tenant_id == "acme"
    assert (sender.name, sender.channel, sender.address) == ("billing", 1, "billing@example.com")
    assert (sender.display_name, sender.reply_to, sender.is_default) == ("Billing", "help@example.com", True)
    assert json.loads(pulse("senders", "get", "billing", "--json").stdout)["reply_to"] == "help@example.com"
    assert "Billing" in pulse("senders", "get", "billing").stdout
    listed = pulse("senders", "list")
    assert (listed.exit_code, "billing@example.com" in listed.stdout) == (0, True)
    changed = pulse("senders", "update", *BILLING, "--json")
    assert json.loads(changed.stdout)["is_default"] is False
    assert pulse("senders", "delete", "billing").exit_code == 0
    assert gateway.senders.kept == {}


def test_what_is_not_there_is_told(pulse: Pulse) -> None:
    done = pulse("senders", "get", "ghost")
    assert (done.exit_code, "no such sender" in done.output) == (1, True)


def test_a_sender_needs_a_channel_and_an_address(pulse: Pulse) -> None:
    assert pulse("senders", "create", "billing", "--from", "a@b.eu").exit_code == 2
    assert pulse("senders", "create", "billing", "--channel", "email").exit_code == 2
    assert pulse("senders", "create", "billing", "--channel", "pigeon", "--from", "a@b.eu").exit_code == 2


def test_a_notification_is_sent_from_a_sender(pulse: Pulse, gateway: FakeGateway) -> None:
    done = pulse("send", "welcome", "--user", "u", "--to", "ann@example.com", "--sender", "billing")
    assert done.exit_code == 0, done.output
    assert gateway.notifications.requests[-1].sender == "billing"


def test_an_email_is_sent_in_copy(pulse: Pulse, gateway: FakeGateway) -> None:
    copies = ("--cc", "bob@example.com", "--cc", "joe@example.com", "--bcc", "eve@example.com")
    done = pulse("send", "welcome", "--user", "u", "--to", "ann@example.com", *copies)
    assert done.exit_code == 0, done.output
    email = gateway.notifications.requests[-1].email
    assert (list(email.cc), list(email.bcc)) == (["bob@example.com", "joe@example.com"], ["eve@example.com"])
    assert pulse("send", "welcome", "--user", "u", "--to", "ann@example.com").exit_code == 0
    assert not gateway.notifications.requests[-1].HasField("email")
