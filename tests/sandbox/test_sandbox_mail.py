"""What is read out of an email, without a server."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sandbox.providers.mail.letter import Mail, parse, parse_any, parse_simple
from services.sandbox.receipts.files import ReceivedFile

FILE = ReceivedFile("", "text/plain", "", b"first")
PLAIN = b"Content-Type: text/plain\r\n\r\nfirst\r\n"


def multipart(kind: bytes, *parts: bytes) -> bytes:
    joined = b"".join(b"--b\r\n" + part for part in parts)
    return b"Content-Type: multipart/" + kind + b'; boundary="b"\r\n\r\n' + joined + b"--b--\r\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", Mail("", "", "", "", {})),
        (b"Subject: only a header\r\n\r\n", Mail("only a header", "", "", "", {})),
        (
            b"Subject: =?utf-8?q?caf=C3=A9?=\r\n =?utf-8?q?_au_lait?=\r\n\r\nx\r\n",
            Mail("café au lait", "", "x", "", {}),
        ),
        (b"Subject: plain =?utf-8?b?w6k=?= mix\r\n\r\nx\r\n", Mail("plain é mix", "", "x", "", {})),
        (b"Subject: folded\r\n twice\r\n\r\nx\r\n", Mail("folded twice", "", "x", "", {})),
        (b"Subject: =?nonsense?q?abc?=\r\n\r\nx\r\n", Mail("=?nonsense?q?abc?=", "", "x", "", {})),
        (b"Subject: =?utf-8?b?x?=\r\n\r\nx\r\n", Mail("=?utf-8?b?x?=", "", "x", "", {})),
        (b"Subject: =?utf-8?q?a?=\t \r\n  =?UTF-8?Q?_b?=  c\r\n\r\nx\r\n", Mail("a b  c", "", "x", "", {})),
        (
            b"Subject: a=?utf-8?q?b?= =?utf-8?q?c?=d\r\n\r\nx\r\n",
            Mail("a=?utf-8?q?b?= =?utf-8?q?c?=d", "", "x", "", {}),
        ),
        (b"Subject: =?utf-8?q?=C3?= =?utf-8?q?=A9?=\r\n\r\nx\r\n", Mail("\ufffd\ufffd", "", "x", "", {})),
        (b"Subject: =?iso-8859-1*en?q?caf=E9=3d?=\r\n\r\nx\r\n", Mail("café=", "", "x", "", {})),
        (b"Subject: =?utf-8?q?__?=\r\n\r\nx\r\n", Mail("  ", "", "x", "", {})),
        (b"Subject: =?utf-8?q?=0D=0ABcc:_eve?=\r\n\r\nx\r\n", Mail("\r\nBcc: eve", "", "x", "", {})),
        (
            b"Subject: =?utf-8?x?abc?= =?utf-8?q?a b?=\r\n\r\nx\r\n",
            Mail("=?utf-8?x?abc?= =?utf-8?q?a b?=", "", "x", "", {}),
        ),
        ("Subject: naïve\r\n\r\nx\r\n".encode(), Mail("naïve", "", "x", "", {})),
        (b"Subject: first\r\nSubject: second\r\n\r\nx\r\n", Mail("first", "", "x", "", {})),
        (b"SUBJECT: a\r\nx-PULSE-notification-ID: 7\r\n\r\nx\r\n", Mail("a", "7", "x", "", {})),
        (b"Content-Type: text/plain; charset=latin-1\r\n\r\ncaf\xe9\r\n", Mail("", "", "café", "", {})),
        (b"Content-Type: text/plain; charset=no-such\r\n\r\ncaf\xe9\r\n", Mail("", "", "caf\ufffd", "", {})),
        (b"Content-Type: text/html\r\n\r\n<b>x</b>\r\n", Mail("", "", "<b>x</b>", "<b>x</b>", {})),
        (b"Content-Transfer-Encoding: base64\r\n\r\nw6k=\r\n", Mail("", "", "é", "", {})),
        (b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9=\r\n!\r\n", Mail("", "", "é!", "", {})),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\nno parts\r\n", Mail("", "", "", "", {})),
        (multipart(b"alternative", PLAIN, PLAIN.replace(b"first", b"second")), Mail("", "", "first", "", {})),
        (multipart(b"mixed", PLAIN), Mail("", "", "first", "", {})),
        (multipart(b"mixed", b"Content-Disposition: attachment\r\n" + PLAIN), Mail("", "", "", "", {}, (FILE,))),
        (multipart(b"alternative", PLAIN)[:-8], Mail("", "", "first", "", {})),
    ],
)
def test_an_email_is_read_as_far_as_it_goes(content: bytes, expected: Mail) -> None:
    assert parse(content) == expected


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80)


@settings(max_examples=60)
@given(subject=TEXT, body=st.lists(TEXT, max_size=5).map("\n".join), html=st.none() | TEXT)
def test_the_quick_reader_and_the_thorough_one_agree(subject: str, body: str, html: str | None) -> None:
    message = EmailMessage()
    message["Subject"] = subject
    message["X-Pulse-Notification-Id"] = "n-1"
    message.set_content(body)
    if html is not None:
        message.add_alternative(html, subtype="html")
    content = message.as_bytes(policy=policy.SMTP)
    assert parse_simple(content) == parse_any(content)
