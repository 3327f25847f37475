"""A worker's files: fetched once, sent with every attempt alike, and never more in hand than there is room for."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from services.delivery.attachments import Attachments
from services.delivery.rules.provider import Outcome, OutcomeKind
from services.delivery.worker.preparing import prepare
from services.delivery.worker.templates import TemplateCache
from services.delivery.worker.unsubscribe_links import UnsubscribeLinks
from shared.errors import Code, PulseError
from shared.saying.said import said
from shared.signing import KeyRing
from shared.text.rendering import CompiledTemplate, Text
from tests.delivery.outgoing import claim

MIB = 2**20
FILE = {"attachment_id": "att_1", "filename": "a.txt", "content_type": "text/plain", "size": 3}


class Kept:
    """Files of the ledger, and who asked for them."""

    def __init__(self, answer: bytes | PulseError = b"abc") -> None:
        self.asked: list[tuple[str, str]] = []
        self.answer = answer

    async def fetch(self, tenant_id: str, attachment_id: str) -> bytes:
        self.asked.append((tenant_id, attachment_id))
        if isinstance(self.answer, PulseError):
            raise self.answer
        return self.answer


async def prepared(kept: Kept, attachments: Attachments | None = None, **more: Any) -> Any:
    async def template(*_: Any) -> CompiledTemplate:
        return CompiledTemplate([Text("EMAIL", "en", "", "Hi", ""), Text("SMS", "en", "", "Hi", "")], "en")

    claimed = claim(**more)._replace(said={"attachments": [FILE]})
    links = UnsubscribeLinks(KeyRing(()), "")
    return await prepare(claimed, TemplateCache(template, 10), links, attachments or Attachments(kept.fetch))


async def test_the_same_file_is_fetched_once_for_many_mails():
    kept = Kept()
    attachments = Attachments(kept.fetch)
    for attempt in (1, 2, 3):
        outgoing = await prepared(kept, attachments, attempt=attempt)
        (file,) = outgoing.files
        assert (file.filename, file.content_type, base64.b64decode(file.encoded)) == ("a.txt", "text/plain", b"abc")
    assert kept.asked == [("default", "att_1")]


async def test_what_goes_as_a_link_is_said_and_not_fetched():
    kept = Kept()
    link = {**FILE, "as_link": True, "url": "https://p.example/files/abc"}

    async def template(*_: Any) -> CompiledTemplate:
        return CompiledTemplate([Text("EMAIL", "en", "", "", "<p>Hi</p>")], "en")

    claimed = claim()._replace(said={"attachments": [link]})
    attachments = Attachments(kept.fetch)
    outgoing = await prepare(claimed, TemplateCache(template, 10), UnsubscribeLinks(KeyRing(()), ""), attachments)
    assert (list(outgoing.files), kept.asked) == ([], [])
    assert outgoing.body == "Hi\n\na.txt: https://p.example/files/abc"
    assert outgoing.html_body == '<p>Hi</p><ul><li><a href="https://p.example/files/abc">a.txt</a></li></ul>'


async def test_a_tenant_never_gets_another_ones_file():
    kept = Kept()
    attachments = Attachments(kept.fetch)
    for tenant in ("acme", "other"):
        await prepared(kept, attachments, tenant_id=tenant)
    assert kept.asked == [("acme", "att_1"), ("other", "att_1")]


@pytest.mark.parametrize(
    ("code", "kind", "said_code"),
    [
        (Code.UNAVAILABLE, OutcomeKind.TRANSIENT_FAILURE, "ATTACHMENT_UNAVAILABLE"),
        (Code.DEADLINE_EXCEEDED, OutcomeKind.TRANSIENT_FAILURE, "ATTACHMENT_UNAVAILABLE"),
        (Code.NOT_FOUND, OutcomeKind.PERMANENT_FAILURE, "ATTACHMENT_NOT_FOUND"),
    ],
)
async def test_a_file_that_cannot_be_had_ends_the_attempt_before_a_call(code: Code, kind: OutcomeKind, said_code: str):
    outcome = await prepared(Kept(PulseError(code, "X", "x")))
    assert isinstance(outcome, Outcome)
    assert (outcome.kind, outcome.code) == (kind, said_code)


async def test_a_fallback_without_files_fetches_none():
    kept = Kept()
    outgoing = await prepared(kept, channel="SMS", to="+4915112345678")
    assert (outgoing.files, kept.asked) == ((), [])


async def test_mails_wait_until_there_is_room_for_their_files():
    attachments = Attachments(Kept().fetch)
    large = {"attachments": [{"size": 10 * MIB}, {"size": 10 * MIB}]}
    inside, most = 0, 0

    async def one() -> None:
        nonlocal inside, most
        async with attachments.in_hand(large):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(7)))
    assert most == 2
    assert said(large).attachments[0].size == 10 * MIB
