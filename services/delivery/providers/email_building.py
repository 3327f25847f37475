"""Builds the email of one notification (RFC 5322, MIME). Headers are made by ``EmailMessage`` alone."""

from __future__ import annotations

import datetime as dt
import email.policy
import email.utils
import re
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from services.delivery.providers.base import Outgoing

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
#: One address: no list, no comment, no source route, no quoted local part.
_PLAIN_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f@,;:<>()\[\]\"\\]{1,64}@[^\s\x00-\x1f\x7f@,;:<>()\[\]\"\\]{1,253}")

_UNSUBSCRIBE = "List-Unsubscribe"
#: What needs neither folding nor encoding in a header line.
_SIMPLE_VALUE = re.compile(r"[!-~](?:[ -~]{0,58}[!-~])?")


class _QuickPolicy(email.policy.EmailPolicy):
    """The standard policy, which parses and refolds every header (1 ms an email), less the simple ones.

    A value of printable ASCII that fits its line is stored as it is: it cannot hold a line end.
    """

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        if isinstance(value, str) and (name == _UNSUBSCRIBE or _SIMPLE_VALUE.fullmatch(value)):
            return name, value
        return super().header_store_parse(name, value)

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        return value  # made here, not read from outside: there is nothing to parse

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name == _UNSUBSCRIBE:  # the standard policy would break a long link into encoded words
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)

    def header_max_count(self, name: str) -> None:
        return None  # each header is set once, below


_POLICY = _QuickPolicy(linesep="\r\n", cte_type="7bit")
_POLICY_UTF8 = _POLICY.clone(utf8=True)


class BadAddress(ValueError):
    """An address that no email can be sent to; the text does not repeat it."""


@dataclass(frozen=True, slots=True)
class BuiltEmail:
    """An email in wire form, with its envelope. ``utf8``: the server must speak SMTPUTF8 (RFC 6531)."""

    sender: str
    recipient: str
    content: bytes  # lines end in CRLF
    utf8: bool


@dataclass(frozen=True, slots=True)
class Sender:
    """Who all emails are from."""

    header: Address
    envelope: str


def parse_sender(text: str) -> Sender:
    """Reads ``Name <address>`` or ``address``; raises :class:`BadAddress`."""
    found = email.utils.getaddresses([text])
    if len(found) != 1:
        raise BadAddress("not one mail address")
    name, spec = found[0]
    address = normal_address(spec)
    return Sender(Address(display_name=_CONTROL.sub(" ", name), addr_spec=address), address)


def normal_address(text: str) -> str:
    """One plain address with its domain in ASCII (IDNA); raises :class:`BadAddress`."""
    if _PLAIN_ADDRESS.fullmatch(text) is None:
        raise BadAddress("not one plain mail address")
    if text.isascii():
        return text
    local, _, domain = text.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        raise BadAddress("the domain cannot be written in ASCII") from None


def build(outgoing: Outgoing, sender: Sender, now: dt.datetime) -> BuiltEmail:
    """The email: plain text, and HTML beside it if there is any. Raises :class:`BadAddress`.

    Its Message-ID names notification and attempt, so that a repeated attempt can be told from a copy. Mail programs
    heed the headers of a one-click unsubscription only under a DKIM signature that covers them (RFC 8058, section 4):
    to sign List-Unsubscribe and List-Unsubscribe-Post is the task of the relay or service that signs the email.
    """
    recipient = normal_address(outgoing.to)
    utf8 = not (recipient.isascii() and sender.envelope.isascii())
    message = EmailMessage(_POLICY_UTF8 if utf8 else _POLICY)
    try:
        message["From"] = str(sender.header)
        message["To"] = recipient
    except (MessageError, ValueError, IndexError) as error:  # what the standard library's parser raises
        raise BadAddress("not a mail address") from error
    domain = sender.envelope.rpartition("@")[2]
    message["Subject"] = _CONTROL.sub(" ", outgoing.subject).strip()
    message["Date"] = email.utils.format_datetime(now)
    message["Message-ID"] = f"<{outgoing.notification_id}.{outgoing.attempt}@{domain}>"
    message["X-Pulse-Notification-Id"] = outgoing.notification_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    if outgoing.unsubscribe_url:
        message[_UNSUBSCRIBE] = f"<{outgoing.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(outgoing.body, cte=_encoding(outgoing.body))
    if outgoing.html_body:
        message.add_alternative(outgoing.html_body, subtype="html", cte=_encoding(outgoing.html_body))
    return BuiltEmail(sender.envelope, recipient, message.as_bytes(), utf8)


def _encoding(text: str) -> str | None:
    """NUL may not travel (RFC 5321, section 4.5.2); all else ``EmailMessage`` encodes as it needs."""
    return "quoted-printable" if "\x00" in text else None
