"""Names of the files that hold a content's texts: ``de.email.html``, ``pt-BR.sms.txt``."""

from __future__ import annotations

import re
from typing import NamedTuple

from pulse.common.v1 import enums_pb2

#: Of HTML that is written as MJML.
MJML = "mjml"
#: A content's text fields by the ending of their file.
ENDINGS = {"subject": "subject", "txt": "body", MJML: "html_body", "html": "html_body"}
#: Stands for a content that serves any channel.
ANY = "any"

_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_LONGEST_LOCALE = 35


class BadName(ValueError):
    """A name that no content's file, or table, can have; its text says why."""


class ContentKey(NamedTuple):
    """Which of a template's contents: one language and one channel, 0 for any."""

    locale: str
    channel: enums_pb2.Channel.ValueType

    @property
    def stem(self) -> str:
        """What its files' names begin with, and the name of its table in template.toml."""
        return f"{self.locale}.{enums_pb2.Channel.Name(self.channel).lower() if self.channel else ANY}"


def locale_written(locale: str) -> str:
    """A BCP 47 tag as it is usually written (RFC 5646, section 2.1.1): zh-Hant-TW."""
    first, *rest = locale.split("-")
    written, is_private = [first.lower()], False
    for part in rest:
        special = {2: part.upper(), 4: part.title()}.get(len(part)) if part.isalpha() and not is_private else None
        written.append(special or part.lower())
        is_private = is_private or len(part) == 1
    return "-".join(written)


def key_of(stem: str) -> ContentKey:
    """Raises :class:`BadName`."""
    locale, _, channel = stem.partition(".")
    if not _LOCALE.fullmatch(locale) or len(locale) > _LONGEST_LOCALE:
        raise BadName(f"{locale!r} is no language: begin with a BCP 47 tag, as in de.email.txt")
    if locale != locale_written(locale):
        raise BadName(f"the language is written {locale_written(locale)}")
    if channel == ANY:
        return ContentKey(locale, enums_pb2.CHANNEL_UNSPECIFIED)
    names = {name.lower(): number for name, number in enums_pb2.Channel.items() if number}
    if channel not in names:
        raise BadName(f"{channel!r} is no channel: {', '.join([*names, ANY])}")
    return ContentKey(locale, names[channel])


def parts(name: str) -> tuple[ContentKey, str]:
    """The content of a file's name, and the field that the file holds; raises :class:`BadName`."""
    stem, _, ending = name.rpartition(".")
    if ending not in ENDINGS or "." not in stem:
        endings = ", ".join(f".{each}" for each in ENDINGS)
        raise BadName(f"is no file of a template: template.toml, or LOCALE.CHANNEL and {endings}")
    return key_of(stem), ENDINGS[ending]
