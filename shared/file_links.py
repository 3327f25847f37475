"""Signed links to a tenant's file: good until a moment, and for one file under one name.

A token (:mod:`shared.signing`) says when it ends (s since 1970), the file's id, the tenant's, NUL, and the name. It is
short, as it stands in text messages.
"""

from __future__ import annotations

import datetime as dt
import struct
from dataclasses import dataclass

from shared.signing import BadToken, KeyRing

#: Where it is served, below Pulse's public address.
PATH = "/files/"
_PURPOSE = "file"
_HEAD = struct.Struct(">I20s")
_PREFIX = "att_"


@dataclass(frozen=True, slots=True)
class FileLink:
    """What a link leads to."""

    tenant_id: str
    attachment_id: str
    filename: str
    ends_at: dt.datetime


def sign(keys: KeyRing, link: FileLink) -> str:
    """The token; the ring must not be empty."""
    number = bytes.fromhex(link.attachment_id.removeprefix(_PREFIX))
    head = _HEAD.pack(int(link.ends_at.timestamp()), number)
    return keys.sign(_PURPOSE, head + f"{link.tenant_id}\0{link.filename}".encode())


def verify(keys: KeyRing, token: str) -> FileLink:
    """What ``token`` leads to, whether it has ended or not; raises :class:`shared.signing.BadToken`."""
    said = keys.verify(_PURPOSE, token)
    try:
        ends_at, number = _HEAD.unpack(said[: _HEAD.size])
        tenant_id, _, filename = said[_HEAD.size :].decode().partition("\0")
    except (struct.error, UnicodeDecodeError):
        raise BadToken("signed by a release that says it otherwise") from None
    return FileLink(tenant_id, _PREFIX + number.hex(), filename, dt.datetime.fromtimestamp(ends_at, dt.UTC))
