"""Files in emails: read back by a mail library they are what was given, byte for byte."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import hashlib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.attachments import encoded
from services.delivery.providers.mail.email_building import build
from services.delivery.providers.mail.mail_addresses import parse_sender
from services.delivery.rules.provider import File, OutcomeKind
from tests.delivery.conftest import Sandbox
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import outgoing, within
from tests.delivery.test_ses import provider as ses_provider
from tests.delivery.test_smtp import provider as smtp_provider

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SENDER = parse_sender("pulse@example.org")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def file(content: bytes = b"x", name: str = "a.bin", kind: str = "application/octet-stream", shown: str = "") -> File:
    return File(name, kind, shown, encoded(content))


def read(*files: File, html: str = "") -> EmailMessage:
    built = build(outgoing(html_body=html, files=files), SENDER, NOW)
    assert max(map(len, built.content.split(b"\r\n"))) <= 998
    assert b"\n" not in built.content.replace(b"\r\n", b"")
    return email.message_from_bytes(built.content, policy=email.policy.default)  # type: ignore[return-value]


def shape(message: EmailMessage) -> object:
    kind = message.get_content_type()
    return {kind: [shape(one) for one in message.iter_parts()]} if message.is_multipart() else kind  # type: ignore[arg-type]


def test_files_stand_beside_the_text() -> None:
    message = read(file(b"\x00\r\n.\r\n\xff", "a.pdf", "application/pdf"), file(PNG, "b.png", "image/png"))
    assert shape(message) == {"multipart/mixed": ["text/plain", "application/pdf", "image/png"]}
    one, other = message.iter_attachments()
    assert (one.get_filename(), one.get_content()) == ("a.pdf", b"\x00\r\n.\r\n\xff")
    assert (other.get_filename(), other.get_content()) == ("b.png", PNG)
    assert one.get_content_disposition() == "attachment"


def test_a_picture_that_the_html_shows_is_related_to_both_texts() -> None:
    picture, paper = file(PNG, "logo.png", "image/png", "logo@x"), file(b"%PDF", "a.pdf", "application/pdf")
    message = read(picture, paper, html='<img src="cid:logo@x">')
    related = {"multipart/related": [{"multipart/alternative": ["text/plain", "text/html"]}, "image/png"]}
    assert shape(message) == {"multipart/mixed": [related, "application/pdf"]}
    inner = next(message.iter_parts())
    assert inner.get_param("type") == "multipart/alternative"
    shown = list(inner.iter_parts())[1]
    assert (shown["Content-ID"], shown.get_content_disposition(), shown.get_content()) == ("<logo@x>", "inline", PNG)


def test_a_picture_without_a_text_that_could_show_it_stands_beside() -> None:
    message = read(file(PNG, "logo.png", "image/png", "logo"))
    assert shape(message) == {"multipart/mixed": ["text/plain", "image/png"]}


def test_an_email_without_files_is_what_it_was() -> None:
    sent = outgoing()
    assert build(sent, SENDER, NOW).content == build(sent._replace(files=[]), SENDER, NOW).content
    assert shape(read()) == "text/plain"


NAMES = [
    "a.txt",
    "naïve résumé.pdf",
    "請求書.pdf",
    "🎉.png",
    'say "hi".txt',
    "semi;colon=1.txt",
    "=?utf-8?q?x?=.txt",
    "100%.txt",
    "it's.txt",
    "utf-8''x.txt",
    " lead and trail .txt",
    "x" * 250 + ".txt",
    "é" * 120 + ".txt",
    "a*0*=b.txt",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_back_as_it_was_given(name: str) -> None:
    (one,) = read(file(name=name)).iter_attachments()
    assert one.get_filename() == name.strip()  # as the library leaves white space out


@pytest.fixture(params=["smtp", "ses"])
def sender(request: pytest.FixtureRequest, sandbox_process: Sandbox) -> Iterator[InALoop]:
    made = smtp_provider(sandbox_process.smtp_port) if request.param == "smtp" else ses_provider(sandbox_process.http)
    yield made
    made.close()


def test_a_mail_of_the_largest_files_arrives_alike_over_smtp_and_ses(sender: InALoop, sandbox: Sandbox) -> None:
    """20 MiB of bytes; in base64 they are 27.4 MiB."""
    contents = [bytes([n]) * (10 * 2**20) for n in (0, 255)]
    files = [file(content, f"Übersicht {n}.bin") for n, content in enumerate(contents)]
    files.append(file(PNG, "logo.png", "image/png", "logo"))
    sent = sender.send(outgoing(html_body="<img src='cid:logo'>", files=files), within(20))
    assert sent.kind is OutcomeKind.SUCCEEDED, sent
    [receipt] = sandbox.receipts()
    told = {one["filename"]: (one["size"], one["sha256"]) for one in receipt["attachments"]}
    assert told == {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in [("Übersicht 0.bin", contents[0]), ("Übersicht 1.bin", contents[1]), ("logo.png", PNG)]
    }


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60))
def test_any_name_comes_back(name: str) -> None:
    message = email.message_from_bytes(build(outgoing(files=[file(name=name)]), SENDER, NOW).content)
    found = message.get_payload()[1].get_filename()  # type: ignore[index,union-attr]
    assert found.encode("utf-8", "surrogateescape").decode() == name.strip()


@given(st.binary(min_size=1, max_size=400))
def test_any_bytes_come_back(content: bytes) -> None:
    (one,) = read(file(content)).iter_attachments()
    assert one.get_content() == content
