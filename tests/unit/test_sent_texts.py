"""Links to files in the text of each channel: where a text says them they are not said twice."""

from __future__ import annotations

import pytest

from shared.channel.sent_texts import body_of, html_of
from shared.channel.table import Channel
from shared.saying.said import Attachment, Push, Said, Sms

URL, OTHER = "https://p.example/files/abc", "https://p.example/files/def"
FILES = [
    Attachment(filename="a&b.pdf", url=URL, as_link=True),
    Attachment(filename="logo.png", inline_id="logo"),
    Attachment(filename="c.pdf", url=OTHER, as_link=True),
]
SAID = Said(attachments=FILES)
EMAIL, SMS, PUSH = (Channel.named(name) for name in ("EMAIL", "SMS", "PUSH"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Hello\n", f"Hello\n\na&b.pdf: {URL}\nc.pdf: {OTHER}"),
        (f"Hello {URL}", f"Hello {URL}\n\nc.pdf: {OTHER}"),
        (f"{OTHER} {URL}", f"{OTHER} {URL}"),
        ("", f"a&b.pdf: {URL}\nc.pdf: {OTHER}"),
    ],
)
def test_links_that_a_text_does_not_say_stand_behind_it(body: str, expected: str) -> None:
    assert [body_of(channel, body, SAID) for channel in (EMAIL, SMS, PUSH)] == [expected] * 3


def test_a_push_that_opens_a_link_or_has_it_in_its_data_says_it() -> None:
    said = SAID._replace(push=Push(link=URL, data={"file": OTHER}))
    assert body_of(PUSH, "Hello", said) == "Hello"


def test_a_text_in_the_short_alphabet_keeps_its_links() -> None:
    said = Said(sms=Sms(transliterate=True), attachments=[Attachment(filename="Łódź.pdf", url=URL)])
    assert body_of(SMS, "Łódź", said) == f"Lodz\n\nLodz.pdf: {URL}"


LIST = f'<ul><li><a href="{URL}">a&amp;b.pdf</a></li><li><a href="{OTHER}">c.pdf</a></li></ul>'


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Hello</p>", f"<p>Hello</p>{LIST}"),
        ("<html><body><p>Hello</p></BODY></html>", f"<html><body><p>Hello</p>{LIST}</BODY></html>"),
        (f'<a href="{URL}">x</a>', f'<a href="{URL}">x</a><ul><li><a href="{OTHER}">c.pdf</a></li></ul>'),
        ("", ""),
    ],
)
def test_html_ends_with_the_links_that_it_does_not_say(html: str, expected: str) -> None:
    assert html_of(html, SAID) == expected


def test_what_has_no_links_is_as_it_was() -> None:
    said = Said(attachments=FILES[1:2])
    assert (body_of(EMAIL, "Hello\n", said), html_of("<p>", said)) == ("Hello\n", "<p>")
