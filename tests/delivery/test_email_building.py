"""Emails as they go out."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import re
from email import message_from_bytes
from email.message import EmailMessage, Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.delivery.providers.mail.email_building import build
from services.delivery.providers.mail.mail_addresses import BadAddress, normal_address, parse_sender
from services.delivery.rules.provider import RegisteredSender
from services.gateway.rules.addresses import Addresses
from shared.channel.table import Address
from shared.saying.said import Email, Said
from tests.delivery.outgoing import outgoing

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SENDER = parse_sender("Pulse Team <pulse@example.org>")


def read(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)  # type: ignore[return-value]


def test_an_email_carries_its_headers() -> None:
    sent = outgoing(attempt=3)
    built = build(sent, SENDER, NOW)
    message = read(built.content)
    assert message["From"] == "Pulse Team <pulse@example.org>"
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Hello"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == f"<{sent.notification_id}.3@example.org>"
    assert message["X-Pulse-Notification-Id"] == sent.notification_id
    assert message["MIME-Version"] == "1.0"
    assert message.get_content().strip() == "Hi there."
    assert (built.sender.envelope, built.recipient, built.utf8) == ("pulse@example.org", "ada@example.org", False)


def test_an_email_comes_from_the_sender_that_its_tenant_has_registered() -> None:
    own = RegisteredSender("billing@bücher.example", 'Zoë, "Billing" <ceo@bank.example>', "answers@example.com")
    built = build(outgoing(sender=own), SENDER, NOW)
    message = read(built.content)
    [mailbox] = message["From"].addresses
    assert (mailbox.display_name, mailbox.addr_spec) == (own.display_name, "billing@xn--bcher-kva.example")
    assert message["Reply-To"].addresses[0].addr_spec == "answers@example.com"
    assert message["Message-ID"].endswith("@xn--bcher-kva.example>")
    assert built.sender.envelope == "billing@xn--bcher-kva.example"
    said = Said(email=Email(reply_to="of-the-request@example.com"))
    message = read(build(outgoing(sender=own, said=said), SENDER, NOW).content)
    assert [one.addr_spec for one in message["Reply-To"].addresses] == ["of-the-request@example.com"]
    message = read(build(outgoing(sender=RegisteredSender("a@b.example")), SENDER, NOW).content)
    assert (message["From"], message["Reply-To"]) == ("a@b.example", None)


@pytest.mark.parametrize("sign", ["\r\n", "\n", "\r", "\0", "\x0b", "\x85", "\u2028"])
def test_a_registered_sender_can_begin_no_header(sign: str) -> None:
    """Such are not registered; one that came through would do no harm."""
    named = build(outgoing(sender=RegisteredSender("a@b.example", f"Ada{sign}Bcc: eve@example.com")), SENDER, NOW)
    assert read(named.content).keys() == read(build(outgoing(), SENDER, NOW).content).keys()
    bad = f"a@b.example{sign}Bcc:x"
    for own in (RegisteredSender(bad), RegisteredSender("a@b.example", "", bad)):
        with pytest.raises(BadAddress):
            build(outgoing(sender=own), SENDER, NOW)


def test_an_email_that_can_be_unsubscribed_from_says_how_in_one_line() -> None:
    link = "https://pulse.example/unsubscribe/" + "Aa0_-" * 150
    content = build(outgoing(unsubscribe_url=link), SENDER, NOW).content
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in content
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content
    assert b"List-Unsubscribe" not in build(outgoing(), SENDER, NOW).content


def test_what_is_said_of_an_email_stands_in_its_headers() -> None:
    references = " ".join(f"<{n}.{'x' * 40}@example.com>" for n in range(5))
    headers = {"X-Campaign": "Frühling " * 20, "References": references, "auto-submitted": "no", "Feedback-ID": "a:b:c"}
    said = Said(email=Email(reply_to="hilfe@bücher.example", headers=headers))
    built = build(outgoing(said=said), SENDER, NOW)
    content, message = built.content, read(built.content)
    assert not built.utf8, "all addresses are ASCII once their domains are"
    assert message["Reply-To"] == "hilfe@xn--bcher-kva.example"
    assert message["X-Campaign"] == headers["X-Campaign"]
    assert message["References"] == references
    assert message.get_all("Auto-Submitted") == ["no"]
    assert message["Feedback-ID"] == "a:b:c"
    assert max(map(len, content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>Hi</p>", "{}<p>Hi</p>"),
        ("<html><BODY class='a'><p>Hi</p></BODY></html>", "<html><BODY class='a'>{}<p>Hi</p></BODY></html>"),
        ('<body title="a>b"><p>Hi</p>', '<body title="a>b">{}<p>Hi</p>'),
        ("<!--[if mso]><body><![endif]--><body id='b'>Hi", "<!--[if mso]><body><![endif]--><body id='b'>{}Hi"),
        ("<!doctype html><p>Hi</p>", "<!doctype html>{}<p>Hi</p>"),
        (
            "<!DOCTYPE html><html><head><title>T</title></head><p>Hi",
            "<!DOCTYPE html><html><head><title>T</title></head>{}<p>Hi",
        ),
        ("<p>Hi</p><!-- <body>", "{}<p>Hi</p><!-- <body>"),
        ("<tbody><p>Hi", "{}<tbody><p>Hi"),
        ('<body title="', '{}<body title="'),
    ],
)
def test_a_preheader_comes_first_and_is_text(html: str, shown: str) -> None:
    said = Said(email=Email(preheader="1 < 2 <script>"))
    [text, part] = read(build(outgoing(html_body=html, said=said), SENDER, NOW).content).iter_parts()
    assert text.get_content().strip() == "Hi there."
    before, after = shown.split("{}")
    found = part.get_content().strip()
    assert found.startswith(before)
    assert found.endswith(after)
    assert "1 &lt; 2 &lt;script&gt;</div>" in found


@pytest.mark.parametrize(
    "value",
    [
        "\u00e4",
        "<a@b>\r\nBcc: x@example.com",
        "<a@b>\u2028Bcc: x@example.com",
        "x" * 998,
        "<a@b>  <c@d>",
        "=?utf-8?q?x?=",
    ],
)
def test_a_digest_or_a_newer_template_can_put_nothing_but_text_into_a_header(value: str) -> None:
    said = Said(email=Email(headers={"References": value, "X-A": value}))
    built = build(outgoing(said=said), SENDER, NOW)
    head, _, _ = built.content.partition(b"\r\n\r\n")
    assert head.isascii()
    assert max(map(len, built.content.split(b"\r\n"))) <= 998
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert b"Bcc" not in names
    assert read(built.content)["X-A"] is not None


def test_html_without_an_end_is_gone_through_once() -> None:
    said = Said(email=Email(preheader="Hi"))
    for html_body in ("<body" * 200_000, "<!--" * 200_000, "<body '" * 100_000, "<head>" * 100_000):
        assert build(outgoing(html_body=html_body, said=said), SENDER, NOW)


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


BODIES = [
    "",
    " ",
    "\n",
    "plain",
    "no end\n\n\n",
    "a\r\nb\nc\rd\r\r\ne",
    "line\u2028separator \u2029 \u0085 \x0b\x0c\x1c\x1d\x1e end",
    "nul \0 and \x7f\x1b[31m",
    "\r",
    "x" * 998,
    "x" * 999,
    "x" * 100_000,
    "ü" * 100_000,
    "日本語🎉" * 5_000,
    ".\n..\n.leading\n.",
    "From eve\nFrom \n>From x\n From y",
    "ü" * 20 + "\nFrom eve",
    "x" * 75 + "From wrapped ü",
    "trailing \t \n blanks   \n\t",
    "=3D = =\n=?utf-8?q?x?=",
    "--boundary\n----\n--",
    "\ufeffbom \ufffe \U0010ffff",
    "<p style='x'>" + "<b>ü</b>" * 400,
]


def exactly(part: Message) -> str:
    """The text of a part, line ends included."""
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8", "strict")


def check_texts(body: str, html: str) -> None:
    """An email with these texts is sound, and they come back but for the kind of line ends."""
    content = build(outgoing(body=body, html_body=html), SENDER, NOW).content
    assert content.isascii() and b"\0" not in content
    assert b"\r" not in content.replace(b"\r\n", b"") and b"\n" not in content.replace(b"\r\n", b"")
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(line.startswith(b"From ") for line in lines)
    parts = [part for part in message_from_bytes(content).walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"][: len(parts)]
    sent = [re.sub(r"\r\n|\r|\n", "\r\n", text) for text in ([body, html] if html else [body])]
    found = [exactly(part) for part in parts]
    if not html and found != sent:
        sent[0] += "\r\n"  # an email ends with a line end
    assert found == sent


@pytest.mark.parametrize("body", BODIES)
def test_a_body_comes_back_exactly_but_for_its_kind_of_line_ends(body: str) -> None:
    check_texts(body, "")
    check_texts("plain", body)
    check_texts(body, body)


TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.sampled_from([*"\r\n\0.=-_ü\u2028\x85 \t", "From ", "\r\n", "x" * 70, "--"])
).map("".join)


@settings(max_examples=200)
@given(body=TEXT, html=TEXT)
def test_any_body_comes_back_exactly_but_for_its_kind_of_line_ends(body: str, html: str) -> None:
    check_texts(body, html)


def test_half_a_character_in_a_body_is_shown_as_what_cannot_be_read() -> None:
    content = build(outgoing(body="a\ud83cb", html_body="\udcff"), SENDER, NOW).content
    assert [exactly(part) for part in message_from_bytes(content).walk() if not part.is_multipart()] == [
        "a\ufffdb",
        "\ufffd",
    ]


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
        "ada@-ä-.example",
        "ada@℀.example",
        "ada@ä..example",
        "ada@ä\u2028.example",
        "ada\u2028@example.org",
        "ada\u0085@example.org",
        "ada\ud83c@example.org",
        "ada@\ud83c.example",
        "=?utf-8?q?=0D=0A?=@example.org",
    ],
)
def test_what_is_not_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        build(outgoing(to=address), SENDER, NOW)


@pytest.mark.parametrize(
    ("domain", "ascii"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.de", "xn--strae-oqa.de"),
        ("FUẞBALL.de", "xn--fuball-cta.de"),
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("例え。jp", "xn--r8jz45g.jp"),
        ("نامه\u200cای.com", "xn--mgba3gch31f060k.com"),
        ("Ｅxample.org", "example.org"),
        ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("mail.straße.de", "mail.xn--strae-oqa.de"),
        ("Example.ORG", "Example.ORG"),
    ],
)
def test_a_domain_is_written_as_the_door_and_today_s_registries_do(domain: str, ascii: str) -> None:
    assert normal_address(f"ada@{domain}") == f"ada@{ascii}"
    assert build(outgoing(), parse_sender(f"Ada <ada@{domain}>"), NOW).sender.envelope == f"ada@{ascii}"


@pytest.mark.parametrize(
    "domain", ["bücher.test", "straße.de", "FUẞBALL.de", "βόλος.com", "例え。jp", "Ｅxample.org", "نامه\u200cای.com"]
)
def test_the_door_and_the_delivery_mean_the_same_domain(domain: str) -> None:
    accepted = Addresses(test_domains=True).normalise(Address.MAILBOX, f"ada@{domain}")
    assert accepted == normal_address(f"ada@{domain}") == normal_address(accepted)


def test_smtputf8_is_asked_for_only_by_a_local_part_outside_ascii() -> None:
    assert not build(outgoing(to="ada@bücher.example"), SENDER, NOW).utf8
    built = build(outgoing(to="ädä@example.org"), SENDER, NOW)
    assert built.utf8
    assert "To: ädä@example.org".encode() in built.content


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no address",
        "Pulse <a@b>, Other <c@d>",
        "a@b, c@d",
        "a@b, Other <c@d>",
        '"Pulse <a@b>',
        "Pulse a@b",
        "a@b (Pulse)",
        "Pulse <a@b> x",
        "Pulse <>",
        "<a@b",
    ],
)
def test_a_sender_must_be_one_address(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_sender(text)
