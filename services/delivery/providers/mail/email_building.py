"""Builds the email of one notification (RFC 5322, MIME)."""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.delivery.providers.mail import file_parts, mail_parts
from services.delivery.providers.mail.mail_addresses import Sender, normal_address, registered
from services.delivery.providers.mail.mail_headers import (
    addresses_header,
    mailbox_header,
    plain_header,
    text_header,
    words_header,
)
from services.delivery.providers.mail.preheader import with_preheader
from services.delivery.rules.provider import Outgoing

#: RFC 3834: no out-of-office answers.
_AUTO_SUBMITTED = plain_header("Auto-Submitted", "auto-generated")
_MIME = plain_header("MIME-Version", "1.0")
_ONE_CLICK = plain_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")


@dataclass(frozen=True, slots=True)
class BuiltEmail:
    """An email in wire form, with its envelope. ``utf8``: the server must speak SMTPUTF8 (RFC 6531)."""

    sender: Sender
    recipient: str
    content: bytes  # lines end in CRLF
    utf8: bool
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()  # in the envelope alone

    @property
    def copies(self) -> list[str]:
        """Who else it goes to."""
        return [*self.cc, *self.bcc]

    def place(self, number: int) -> str:
        """Where the copy of that number, from 0, stands: "cc 1" say."""
        return f"cc {number + 1}" if number < len(self.cc) else f"bcc {number - len(self.cc) + 1}"


def build(outgoing: Outgoing, sender: Sender, now: dt.datetime) -> BuiltEmail:
    """The email: plain text, and HTML beside it if there is any. Raises :class:`.mail_addresses.BadAddress`.

    It comes from the notification's own sender, or else from ``sender``.

    Its Message-ID names notification and attempt, so that a repeated attempt can be told from a copy. Mail programs
    heed the headers of a one-click unsubscription only under a DKIM signature that covers them (RFC 8058, section 4):
    to sign List-Unsubscribe and List-Unsubscribe-Post is the task of the relay or service that signs the email.
    """
    own = outgoing.sender
    sender = registered(own.display_name, own.address) if own else sender
    recipient = normal_address(outgoing.to)
    reply_to = outgoing.said.email.reply_to or (own.reply_to if own else "")
    reply_to = normal_address(reply_to) if reply_to else ""
    cc, bcc = ([normal_address(one) for one in kind] for kind in (outgoing.said.email.cc, outgoing.said.email.bcc))
    headers = [
        _from_header(sender),
        mailbox_header("To", "", recipient),
        *([addresses_header("Cc", cc)] if cc else []),
        text_header("Subject", outgoing.subject),
        *_own_headers(outgoing, sender, reply_to, now),
    ]
    utf8 = not all(one.isascii() for one in (recipient, sender.envelope, reply_to, *cc, *bcc))
    content = "".join(headers).encode() + _body(outgoing)
    return BuiltEmail(sender, recipient, content, utf8, cc, bcc)


@lru_cache(maxsize=256)
def _from_header(sender: Sender) -> str:
    return mailbox_header("From", sender.name, sender.envelope)


@lru_cache(maxsize=2)
def _date_header(now: dt.datetime) -> str:
    return plain_header("Date", email.utils.format_datetime(now))


def _own_headers(outgoing: Outgoing, sender: Sender, reply_to: str, now: dt.datetime) -> Iterator[str]:
    domain = sender.envelope.rpartition("@")[2]
    yield _date_header(now.replace(microsecond=0))
    yield plain_header("Message-ID", f"<{outgoing.notification_id}.{outgoing.attempt}@{domain}>")
    yield plain_header("X-Pulse-Notification-Id", outgoing.notification_id)
    email = outgoing.said.email
    if not any(name.lower() == "auto-submitted" for name in email.headers):
        yield _AUTO_SUBMITTED
    yield _MIME
    if reply_to:
        yield mailbox_header("Reply-To", "", reply_to)
    for name, value in email.headers.items():
        yield text_header(name, value) if name.lower().startswith("x-") else words_header(name, value)
    if outgoing.unsubscribe_url:
        yield plain_header("List-Unsubscribe", f"<{outgoing.unsubscribe_url}>")
        yield _ONE_CLICK


def _body(outgoing: Outgoing) -> bytes:
    body = mail_parts.text_part("plain", outgoing.body)
    if outgoing.html_body:
        html = with_preheader(outgoing.html_body, outgoing.said.email.preheader)
        body = mail_parts.alternatives([body, mail_parts.text_part("html", html)])
    if outgoing.files:
        body = file_parts.with_files(body, outgoing.files, has_html=bool(outgoing.html_body))
    return body if body.endswith(b"\r\n") else body + b"\r\n"
