"""What a notification says beside subject and text, as providers read it; the names are the contract's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

_NONE: Mapping[str, str] = MappingProxyType({})


class Push(NamedTuple):
    """What a push carries and does; empty or None: nothing is said of it."""

    data: Mapping[str, str] = _NONE
    link: str = ""
    image: str = ""
    icon: str = ""
    sound: str = ""
    badge: int | None = None
    collapse_key: str = ""
    channel_id: str = ""
    category: str = ""
    mutable_content: bool = False
    silent: bool = False
    analytics_label: str = ""


class Email(NamedTuple):
    """What an email carries."""

    reply_to: str = ""
    headers: Mapping[str, str] = _NONE
    preheader: str = ""
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()


class Sms(NamedTuple):
    """How a text goes by SMS."""

    max_segments: int | None = None
    transliterate: bool = False


class Whatsapp(NamedTuple):
    """What a WhatsApp message says in the text's place; without a content the text is sent."""

    content_sid: str = ""
    content_variables: Mapping[str, str] = _NONE


class Attachment(NamedTuple):
    """A file that goes along, or to which a link does: one that was uploaded, or its content."""

    attachment_id: str = ""
    content: bytes = b""
    filename: str = ""
    content_type: str = ""
    inline_id: str = ""
    as_link: bool = False
    size: int = 0  # bytes
    sha256: str = ""  # in hex
    url: str = ""  # of one that goes as a link


class Said(NamedTuple):
    """All of it. :data:`NOTHING` for most notifications."""

    email: Email = Email()
    push: Push = Push()
    sms: Sms = Sms()
    attachments: Sequence[Attachment] = ()
    whatsapp: Whatsapp = Whatsapp()


NOTHING = Said()

_PARTS = {"email": Email, "push": Push, "sms": Sms, "whatsapp": Whatsapp}


def said(fields: Mapping[str, Any]) -> Said:
    """Of set fields by their names, nested, as :mod:`shared.saying.fields` reads them from messages."""
    if not fields:
        return NOTHING
    made: dict[str, Any] = {
        name: _made(_PARTS[name], value) if name in _PARTS else value
        for name, value in fields.items()
        if name in _KNOWN
    }
    if "attachments" in made:
        made["attachments"] = [_made(Attachment, one) for one in made["attachments"]]
    return Said(**made)


def _made(kind: Any, fields: Mapping[str, Any]) -> Any:
    """Without what only a release newer than this knows."""
    return kind(**{name: value for name, value in fields.items() if name in kind._fields})


_KNOWN = frozenset(Said._fields)
