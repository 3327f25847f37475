"""Mail: what the sandbox reads out of an email (RFC 5322 and MIME)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from email import message_from_bytes
from email.message import Message
from typing import NamedTuple

from services.sandbox.providers.mail import encoded_words
from services.sandbox.receipts.files import ReceivedFile
from services.sandbox.receipts.receipt import Receipt

NOTIFICATION_HEADER = "x-pulse-notification-id"
#: Shown as they are: how the recipient unsubscribes (RFC 2369, RFC 8058).
SHOWN = ("list-unsubscribe", "list-unsubscribe-post")

#: The headers that matter here, with the lines they are folded over.
HEADER = re.compile(
    rb"^(subject|x-pulse-notification-id|content-[a-z-]+|list-unsubscribe(?:-post)?):[ \t]*((?:[^\r\n]+|\r\n[ \t]+)*)",
    re.IGNORECASE | re.MULTILINE,
)
#: Content types as mail libraries write them: no parameter but one.
SIMPLE_TYPE = re.compile(
    r'(text/plain|text/html)(?:;\s*charset="?([\w.-]+)"?)?|multipart/alternative;\s*boundary="([^"]+)"', re.IGNORECASE
)
ENCODINGS = frozenset({"7bit", "8bit", "quoted-printable", "base64"})
EXPECTED = frozenset({"subject", NOTIFICATION_HEADER, "content-type", "content-transfer-encoding", *SHOWN})


class Envelope(NamedTuple):
    """Who an email is from and goes to, whatever it says itself, and the email."""

    sender: str
    recipients: Sequence[str]
    content: bytes


class Mail(NamedTuple):
    """Decoded text of one email; line ends are ``\\n``, and those at the very end are left out."""

    subject: str
    notification_id: str
    body: str
    html_body: str
    data: dict[str, str]
    files: tuple[ReceivedFile, ...] = ()

    def receipts(self, provider: str, envelope: Envelope, provider_id: str) -> list[Receipt]:
        """What ``provider`` took on under its own id, one for each recipient."""
        whole = ReceivedFile("", "message/rfc822", "", envelope.content)
        request = {"from": envelope.sender, "to": list(envelope.recipients), "message": whole.path}
        return [
            Receipt(
                "email",
                provider,
                to,
                self.subject,
                self.body,
                self.notification_id,
                provider_id,
                self.html_body,
                self.data,
                request=request,
                files=self.files,
                message=envelope.content,
            )
            for to in envelope.recipients
        ]


class _NotSimple(Exception):
    """The email is not of the ordinary shape."""


def parse(content: bytes) -> Mail:
    """Reads an email, however broken: what cannot be decoded shows as U+FFFD. One without plain text has its HTML as
    body."""
    try:
        return parse_simple(content)
    except (_NotSimple, binascii.Error):
        return parse_any(content)


def parse_simple(content: bytes) -> Mail:
    """Reads plain text, HTML or the two as alternatives in about a fifth of the time of :func:`parse_any`.

    Raises if the email is of any other shape. Both give the same result.
    """
    head, _, rest = content.partition(b"\r\n\r\n")
    headers = _headers(head)
    kind, charset, boundary = _simple_type(headers)
    texts = _alternatives(rest, boundary) if boundary else {kind: _decode(rest, charset, headers)}
    return _mail(headers, texts)


def parse_any(content: bytes) -> Mail:
    """Reads any email with the standard library's parser."""
    message = message_from_bytes(content)
    headers = {name.lower(): str(value) for name, value in reversed(list(message.raw_items()))}
    texts: dict[str, str] = {}
    for part in message.walk():
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment":
            texts.setdefault(kind, _text(part))
    return _mail(headers, texts)._replace(files=tuple(map(_file, filter(_is_file, message.walk()))))


def _is_file(part: Message) -> bool:
    return not part.is_multipart() and (part.get_content_disposition() is not None or "content-id" in part)


def _file(part: Message) -> ReceivedFile:
    payload = part.get_payload(decode=True)
    return ReceivedFile(
        _header(part.get_filename("")),
        part.get_content_type(),
        str(part.get("content-id", "")).strip("<> "),
        payload if isinstance(payload, bytes) else b"",
    )


def _mail(headers: dict[str, str], texts: dict[str, str]) -> Mail:
    html = texts.get("text/html", "")
    subject, notification_id = _header(headers.get("subject", "")), _header(headers.get(NOTIFICATION_HEADER, ""))
    data = {name: _header(headers[name]) for name in SHOWN if name in headers}
    return Mail(subject, notification_id, texts.get("text/plain", html), html, data)


def _headers(head: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in HEADER.findall(head):
        headers.setdefault(name.lower().decode(), value.decode("ascii", "surrogateescape"))
    if not headers.keys() <= EXPECTED:
        raise _NotSimple
    return headers


def _simple_type(headers: dict[str, str]) -> tuple[str, str, str]:
    """Content type in lower case, charset and boundary."""
    found = SIMPLE_TYPE.fullmatch(headers.get("content-type", "text/plain").replace("\r\n", ""))
    if found is None:
        raise _NotSimple
    return (found[1] or "").lower(), found[2] or "utf-8", found[3] or ""


def _alternatives(data: bytes, boundary: str) -> dict[str, str]:
    """The parts of a multipart body (RFC 2046, 5.1.1) by their types; the first of a type counts."""
    _, *parts, end = (b"\r\n" + data).split(b"\r\n--" + boundary.encode())
    if not end.startswith(b"--"):
        raise _NotSimple
    texts: dict[str, str] = {}
    for part in parts:
        head, blank, rest = part.partition(b"\r\n\r\n")
        headers = _headers(head)
        kind, charset, inner = _simple_type(headers)
        if inner or not blank or not head.startswith(b"\r\n"):
            raise _NotSimple
        texts.setdefault(kind, _decode(rest, charset, headers))
    return texts


def _decode(data: bytes, charset: str, headers: dict[str, str]) -> str:
    encoding = headers.get("content-transfer-encoding", "7bit").lower()
    if encoding not in ENCODINGS:
        raise _NotSimple
    if encoding == "base64":
        data = binascii.a2b_base64(data)
    elif encoding == "quoted-printable":
        data = binascii.a2b_qp(data)
    return _tidy(data, charset)


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return _tidy(payload if isinstance(payload, bytes) else b"", part.get_content_charset("utf-8"))


def _tidy(data: bytes, charset: str) -> str:
    try:
        text = data.decode(charset, "replace")
    except LookupError:
        text = data.decode("utf-8", "replace")
    return text.replace("\r\n", "\n").rstrip("\n")


def _header(value: str) -> str:
    """Unfolds a header (RFC 5322, 2.2.3) and decodes its encoded words (RFC 2047)."""
    text = value.replace("\r", "").replace("\n", "").strip(" \t")
    if not text.isascii():  # UTF-8 as such (RFC 6532), which the parser hands on as surrogates
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return encoded_words.decode(text)
