"""Emails as they go out."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from email.message import EmailMessage

import pytest

from services.delivery.providers.email_building import BadAddress, build, normal_address, parse_sender
from tests.delivery.outgoing import outgoing

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SENDER = parse_sender("Pulse Team <pulse@example.org>")


def read(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)  # type: ignore[return-value]


def test_an_email_carries_its_headers() -> None:
    given = outgoing(attempt=3)
    built = build(given, SENDER, NOW)
    message = read(built.content)
    assert message["From"] == "Pulse Team <pulse@example.org>"
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Hello"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == f"<{given.notification_id}.3@example.org>"
    assert message["X-Pulse-Notification-Id"] == given.notification_id
    assert message["MIME-Version"] == "1.0"
    assert message.get_content().strip() == "Hi there."
    assert (built.sender, built.recipient, built.utf8) == ("pulse@example.org", "ada@example.org", False)


def test_an_email_that_can_be_unsubscribed_from_says_how_in_one_line() -> None:
    link = "https://pulse.example/unsubscribe/" + "Aa0_-" * 150
    content = build(outgoing(unsubscribe_url=link), SENDER, NOW).content
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in content
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content
    assert b"List-Unsubscribe" not in build(outgoing(), SENDER, NOW).content


def test_html_stands_beside_the_text() -> None:
    message = read(build(outgoing(html_body="<p>Hi</p>"), SENDER, NOW).content)
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content().strip() for part in message.iter_parts()] == ["Hi there.", "<p>Hi</p>"]


@pytest.mark.parametrize(
    "body",
    [
        "plain",
        "naïve ☃ 🎉",
        "a" * 5000,
        "line\r\nline\nline\rline",
        ".\n..\n.leading dots",
        "=?utf-8?q?x?=",
        "nul \x00",
    ],
)
def test_any_body_survives_the_wire_as_ascii_in_lines_of_998(body: str) -> None:
    content = build(outgoing(body=body), SENDER, NOW).content
    assert content.isascii()
    assert b"\x00" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert read(content).get_content().rstrip("\n").splitlines() == body.splitlines()


@pytest.mark.parametrize("subject", ["Grüße 🎉", "x" * 900, "a b " * 100, "", "  spaced  ", "=?utf-8?q?hi?= x"])
def test_any_subject_is_folded_or_encoded(subject: str) -> None:
    content = build(outgoing(subject=subject), SENDER, NOW).content
    assert content.isascii()
    if not subject.startswith("=?"):
        assert " ".join(str(read(content)["Subject"] or "").split()) == " ".join(subject.split())


@pytest.mark.parametrize(
    "subject",
    [
        "Hi\r\nBcc: eve@example.org",
        "Hi\nBcc: eve@example.org",
        "Hi\rBcc: eve@example.org",
        "Hi\x00\x0b\x0c",
        "Hi\r\n\r\nbody",
    ],
)
def test_a_subject_cannot_add_a_header(subject: str) -> None:
    message = read(build(outgoing(subject=subject), SENDER, NOW).content)
    assert message["Bcc"] is None
    assert len(message.get_all("Subject", [])) == 1
    assert message.get_content().strip() == "Hi there."


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example.org,eve@example.org",
        "ada@example.org;eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\x00",
        "Ada <ada@example.org>",
        "<ada@example.org>",
        "ada@example.org eve@example.org",
        "@relay.example:ada@example.org",
        '"a b"@example.org',
        "ada@[127.0.0.1]",
        "a@b@example.org",
        "ada@" + "ä" * 300,
    ],
)
def test_what_is_not_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        build(outgoing(to=address), SENDER, NOW)


def test_a_domain_outside_ascii_is_written_in_idna() -> None:
    assert normal_address("ada@bücher.example") == "ada@xn--bcher-kva.example"


def test_smtputf8_is_asked_for_only_by_a_local_part_outside_ascii() -> None:
    assert not build(outgoing(to="ada@bücher.example"), SENDER, NOW).utf8
    built = build(outgoing(to="ädä@example.org"), SENDER, NOW)
    assert built.utf8
    assert "To: ädä@example.org".encode() in built.content


@pytest.mark.parametrize("text", ["", "no address", "Pulse <a@b>, Other <c@d>"])
def test_a_sender_must_be_one_address(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_sender(text)
