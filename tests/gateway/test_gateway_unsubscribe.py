"""Unsubscribe links: a page that asks, a post that does it, and nothing for links that are not Pulse's."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, recipient_pb2
from pulse.gateway.v1 import unsubscribe_service_pb2 as api
from shared import unsubscribe
from shared.errors import Code
from shared.signing import KeyRing
from shared.unsubscribe import Subscription
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

KEYS = "the-key-that-signs-now,the-key-of-last-year"
ADA = Subscription("acme", "ada", "news", "EMAIL")


@pytest.fixture
async def linked(serve: Any) -> Client:
    """A client of a gateway that knows two keys."""
    return await serve(PULSE_UNSUBSCRIBE_KEY=KEYS)


def token(subscription: Subscription = ADA, keys: str = KEYS) -> str:
    return unsubscribe.sign(KeyRing.parse(keys), subscription)


async def page(call: Any) -> tuple[str, dict[str, str]]:
    """The text of a page and what it was sent with."""
    body = await call
    assert body.content_type == "text/html; charset=utf-8"
    return body.data.decode(), dict(await call.initial_metadata())


async def test_following_a_link_asks_and_changes_nothing(linked: Client, peers: fakes.Peers) -> None:
    text, headers = await page(linked.links.ShowUnsubscribe(api.ShowUnsubscribeRequest(token=token())))
    assert "“news”" in text and '<form method="post">' in text
    assert 'value="One-Click"' in text and "x-http-code" not in headers
    assert not peers.recipients.requests


@pytest.mark.parametrize("keys", [KEYS, "the-key-of-last-year"])
async def test_a_post_unsubscribes_as_often_as_it_comes(linked: Client, peers: fakes.Peers, keys: str) -> None:
    for _ in range(2):
        text, _ = await page(linked.links.Unsubscribe(api.UnsubscribeRequest(token=token(keys=keys))))
        assert "You are unsubscribed" in text
    inner = peers.recipients.requests[0]
    kept = inner.suppression
    assert (inner.tenant_id, kept.user_id, kept.channel, kept.category) == ("acme", "ada", enums_pb2.EMAIL, "news")
    assert (kept.reason, kept.address) == (recipient_pb2.Suppression.UNSUBSCRIBE, "")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "nonsense",
        "ü" * 10,
        "a\0b",
        "x" * 100_000,
        token(keys="a-key-that-is-not-known"),
        token()[:-2],
        token()[:8] + "AAAA" + token()[12:],
    ],
)
async def test_a_link_that_is_not_pulses_gets_a_clear_page(linked: Client, peers: fakes.Peers, wrong: str) -> None:
    for call in (
        linked.links.ShowUnsubscribe(api.ShowUnsubscribeRequest(token=wrong)),
        linked.links.Unsubscribe(api.UnsubscribeRequest(token=wrong)),
    ):
        text, headers = await page(call)
        assert "This link does not work" in text and "<form" not in text
        assert headers["x-http-code"] == "400"
    assert not peers.recipients.requests


async def test_without_a_key_every_link_is_wrong(client: Client) -> None:
    text, headers = await page(client.links.Unsubscribe(api.UnsubscribeRequest(token=token())))
    assert "does not work" in text and headers["x-http-code"] == "400"


async def test_what_a_link_names_is_shown_as_text_alone(linked: Client) -> None:
    evil = Subscription("acme", "ada", "<script>alert(1)</script>", "EMAIL")
    text, _ = await page(linked.links.ShowUnsubscribe(api.ShowUnsubscribeRequest(token=token(evil))))
    assert "<script" not in text and "&lt;script&gt;" in text


async def test_a_page_loads_nothing_and_can_be_read_by_all(linked: Client) -> None:
    text, headers = await page(linked.links.ShowUnsubscribe(api.ShowUnsubscribeRequest(token=token())))
    policy = headers["content-security-policy"]
    [style] = re.findall(r"<style>(.*?)</style>", text, re.S)
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"(src|href|action)=|url\(|@import", text)
    for needed in ('<html lang="en">', "<title>", "<main>", "<h1>", "width=device-width", "color-scheme: light dark"):
        assert needed in text


async def test_a_ledger_that_is_away_is_told_as_an_error(linked: Client, peers: fakes.Peers) -> None:
    await peers.stop()
    error = await refusal(linked.links.Unsubscribe(api.UnsubscribeRequest(token=token()), timeout=2))
    assert error.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)
