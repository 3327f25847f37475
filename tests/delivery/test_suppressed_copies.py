"""Copies are held against suppressions when they are sent, and what is left out is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from services.delivery import wire
from services.delivery.rules.claim import ClaimedNotification, Settlement
from services.delivery.rules.provider import Copies, Decision, Outcome, OutcomeKind, succeeded
from services.delivery.worker.preparing import prepare
from services.delivery.worker.templates import TemplateCache
from services.delivery.worker.unsubscribe_links import UnsubscribeLinks
from shared.errors import Code, PulseError
from shared.text.rendering import CompiledTemplate, Text
from shared.unsubscribe import KeyRing
from tests.delivery.conftest import Sandbox
from tests.delivery.outgoing import claim, outgoing, within
from tests.delivery.test_senders import COPIES
from tests.delivery.test_smtp import provider as smtp

SAID = {"email": {"cc": ["Said@example.com"], "reply_to": "help@example.com"}}
ACCEPTED = Copies(("bob@example.com", "joe@example.com"), ("eve@example.com",))


async def prepared(found: Any, said: Any = None, **more: Any) -> Any:
    """What a provider is given, where ``found`` are suppressed; and who was asked for."""
    asked: list[Sequence[str]] = []

    async def find(_claim: ClaimedNotification, addresses: Sequence[str]) -> Mapping[str, str]:
        asked.append(addresses)
        if isinstance(found, PulseError):
            raise found
        return found

    async def template(*_: Any) -> CompiledTemplate:
        return CompiledTemplate([Text("", "en", "", "Hi", "")], "en")

    claimed = claim(**more)._replace(said=SAID if said is None else said, copies=ACCEPTED)
    given = await prepare(claimed, TemplateCache(template, 10), UnsubscribeLinks(KeyRing(()), ""), None, find)
    return given, asked


async def test_the_copies_are_those_that_were_accepted_and_not_suppressed_since():
    given, asked = await prepared({"joe@example.com": "the recipient unsubscribed"})
    assert asked == [["bob@example.com", "joe@example.com", "eve@example.com"]]
    assert (list(given.said.email.cc), list(given.said.email.bcc)) == (["bob@example.com"], ["eve@example.com"])
    assert given.said.email.reply_to == "help@example.com"
    assert list(given.told) == [Decision("copy", "SUPPRESSED", "cc 2: the recipient unsubscribed")]


@pytest.mark.parametrize("more", [{"said": {}}, {"channel": "SMS"}])
async def test_what_has_no_copies_asks_nobody(more: dict[str, Any]):
    _, asked = await prepared({}, **more)
    assert asked == []


async def test_nothing_is_sent_while_nobody_can_tell():
    given, _ = await prepared(PulseError(Code.UNAVAILABLE, "UNAVAILABLE", "the ledger is away"))
    assert isinstance(given, Outcome)
    assert (given.kind, given.code) == (OutcomeKind.RELEASED, "COPIES_UNAVAILABLE")


def test_a_copy_that_the_server_refuses_is_told(sandbox: Sandbox) -> None:
    made = smtp(sandbox.smtp_port)
    sandbox.fault("smtp", "status", 450, match="eve@example.com", at="rcpt")
    outcome = made.send(outgoing(said=COPIES), within())
    made.close()
    assert outcome.kind is OutcomeKind.SUCCEEDED
    reason = "bcc 1: the mail server refused its recipient (450)"
    assert list(outcome.told) == [Decision("copy", "REFUSED", reason)]


def test_what_was_decided_reaches_the_ledger_with_the_outcome() -> None:
    told = [Decision("copy", "SUPPRESSED", "cc 1: by hand")]
    message = wire.settlement(Settlement(claim(), succeeded("m1")._replace(told=told)))
    assert [(one.rule, one.result, one.reason) for one in message.decisions] == [
        ("copy", "SUPPRESSED", "cc 1: by hand")
    ]
