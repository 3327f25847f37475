"""Mail addresses: who emails are from, and to whom one goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from services.delivery.providers.mail.mail_headers import mailbox
from shared.net.domains import BadDomain, ascii_domain

#: What no part of a plain address holds.
_SPECIAL = r"\s\x00-\x1f\x7f@,;:<>()\[\]\"\\\ud800-\udfff"
#: One address: no list, no comment, no source route, no quoted local part.
_PLAIN_ADDRESS = re.compile(rf"[^{_SPECIAL}]{{1,64}}@[^{_SPECIAL}]{{1,253}}")
_QUOTED_NAME = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SENDER = re.compile(r"([^<>]*)<([^<>]*)>", re.DOTALL)


class BadAddress(ValueError):
    """An address that no email can be sent to; the text does not repeat it."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who an email is from."""

    name: str  # may be empty
    envelope: str  # a plain address

    @property
    def header(self) -> str:
        """Name and address in ASCII, in one line: as From says it, but not folded."""
        return " ".join(mailbox(self.name, self.envelope))


def parse_sender(text: str) -> Sender:
    """Reads ``Name <address>``, the name in quotes or not, or ``address``; raises :class:`BadAddress`."""
    found = _SENDER.fullmatch(text.strip())
    if found is None:
        return Sender("", normal_address(text.strip()))
    name = found[1].strip()
    quoted = _QUOTED_NAME.fullmatch(name)
    if quoted is None and ("@" in name or '"' in name):
        raise BadAddress("not one mail address")
    return Sender(re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else name, normal_address(found[2].strip()))


@lru_cache(maxsize=256)
def registered(name: str, address: str) -> Sender:
    """A sender that a tenant has registered; raises :class:`BadAddress`."""
    return Sender(name, normal_address(address))


def normal_address(text: str) -> str:
    """One plain address with its domain in ASCII (IDNA 2008); raises :class:`BadAddress`."""
    if _PLAIN_ADDRESS.fullmatch(text) is None or "=?" in text:  # which a mail program might take for an encoded word
        raise BadAddress("not one plain mail address")
    local, _, domain = text.rpartition("@")
    try:
        return f"{local}@{ascii_domain(domain)}"
    except BadDomain as error:
        raise BadAddress(str(error)) from None
