"""Pictures that a mail's HTML shows out of the mail itself: what is told of those that do not match."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.template_pb2 import Template, TemplateContent
from pulse.gateway.v1 import template_service_pb2 as api
from services.gateway.rules import pictures
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def logo(inline_id: str) -> dict[str, Any]:
    return {"content": PNG, "filename": "a.png", "inline_id": inline_id}


def told(peers: fakes.Peers) -> list[str]:
    return [one.result for one in peers.router.submissions[-1].decisions if one.rule == "attachments"]


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ('<img src="cid:logo">', ["logo"]),
        ("<img src='cid:logo'><img src=cid:b>", ["logo", "b"]),
        ('<IMG SRC = "CID:logo">', ["logo"]),
        ('<img src="cid:logo"><img src="cid:logo">', ["logo"]),
        ('<img src="cid:a%40b">', ["a@b"]),
        ('<img src="cid:a&#64;b">', ["a"]),
        ('<td background="cid:bg">', ["bg"]),
        ("<div style=\"background: url('cid:bg')\">", ["bg"]),
        ("<style>p { background: url(cid:bg) }</style>", ["bg"]),
        ('<a href="https://example.com/?cid:1">cid:2</a>', []),
        ("<p>cid:logo</p>", []),
        ('<img src="acid:logo">', []),
        ("", []),
    ],
)
def test_the_pictures_that_html_shows_are_found(html: str, shown: list[str]) -> None:
    assert pictures.shown(html) == shown


def test_html_that_is_made_to_take_long_does_not() -> None:
    begin = time.process_time()
    for html in (
        "src=" + " " * 65_000 + "cid:",
        "src" * 20_000 + "cid:",
        "url(" * 16_000 + "cid:",
        "src =  " * 9_000 + "cid:",
    ):
        pictures.shown(html)
    assert time.process_time() - begin < 1


async def test_what_matches_is_not_told_of_and_what_does_not_is(client: Client, peers: fakes.Peers) -> None:
    html = '<img src="cid:logo"><img src="cid:{{ name }}">'
    template = Template(
        name="shown", channel=enums_pb2.EMAIL, version=1, contents=[TemplateContent(body="x", html_body=html)]
    )
    peers.store(template)
    await client.send(template_name="shown", attachments=[logo("logo"), logo("Ada")])
    assert told(peers) == []
    await client.send(template_name="shown", attachments=[logo("logo"), logo("other")])
    assert told(peers) == ["PICTURE_MISSING: Ada", "PICTURE_NOT_SHOWN: other"]
    await client.send(template_name="shown")
    assert told(peers) == ["PICTURE_MISSING: logo", "PICTURE_MISSING: Ada"]


async def test_one_that_only_the_context_says_is_told_too(client: Client, peers: fakes.Peers) -> None:
    html = '<img src="{{ picture }}">'
    template = Template(
        name="shown", channel=enums_pb2.EMAIL, version=1, contents=[TemplateContent(body="x", html_body=html)]
    )
    peers.store(template)
    for _ in range(2):  # the second time by the quick way
        await client.send(template_name="shown", context={"picture": "cid:logo"})
        assert told(peers) == ["PICTURE_MISSING: logo"]
        await client.send(template_name="shown", context={"picture": "https://example.com/a.png"})
        assert told(peers) == []


async def test_a_preview_names_the_pictures_that_requests_must_bring(client: Client) -> None:
    draft = [TemplateContent(channel=enums_pb2.EMAIL, body="x", html_body='<img src="cid:logo">')]
    shown = await client.templates.PreviewTemplate(api.PreviewTemplateRequest(name="welcome", draft=draft))
    assert [one for one in shown.warnings if one.startswith("PICTURES_NEEDED: ") and one.endswith(": logo")]


async def test_two_pictures_under_one_id_are_refused(client: Client) -> None:
    error = await refusal(client.send(attachments=[logo("logo"), logo("x"), logo("logo")]))
    assert error.reason == "ATTACHMENT_INLINE_ID_REPEATED"
    assert [one.field for one in error.violations] == ["attachments[2].inline_id"]
