"""Texts of an email as MIME parts (RFC 2045, RFC 2046), written so that they come back as they were given.

Lines end as CR LF on the way, however they ended before.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets

#: Characters of a line without its end (RFC 5322, section 2.1.1).
LONGEST_LINE = 998

_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
#: ASCII that needs no encoding.
_PLAIN = b"\t\r\n" + bytes(range(ord(" "), ord("~") + 1))


def text_part(subtype: str, text: str) -> bytes:
    """A text with its headers; text/plain or text/html."""
    encoding, encoded = _encoded(_utf8(text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")))
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode("ascii") + encoded


def alternatives(parts: list[bytes]) -> bytes:
    """The same in several forms, the best one last. The boundary is drawn by lot, so that no text can hold it."""
    boundary = secrets.token_hex(16)
    head = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'
    between = f"--{boundary}\r\n".encode("ascii")
    body = b"".join(between + part + b"\r\n" for part in parts)
    return head.encode("ascii") + body + f"--{boundary}--\r\n".encode("ascii")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text).encode()


def _encoded(data: bytes) -> tuple[str, bytes]:
    """Content-Transfer-Encoding and the encoded bytes: the most readable that carries them as they are."""
    if not data.translate(None, _PLAIN) and not _has_from_line(data) and _longest_line(data) <= LONGEST_LINE:
        return "7bit", data
    # The lines that it breaks may end by LF alone.
    quoted = binascii.b2a_qp(data).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if len(quoted) <= len(data) * 4 / 3 and not _has_from_line(quoted):
        return "quoted-printable", quoted
    return "base64", base64.encodebytes(data).replace(b"\n", b"\r\n")


def _has_from_line(data: bytes) -> bool:
    """Some mail servers write ``>From`` there, as their mailboxes part emails by such lines."""
    return data.startswith(b"From ") or b"\nFrom " in data


def _longest_line(data: bytes) -> int:
    return max(map(len, data.split(b"\r\n")))
