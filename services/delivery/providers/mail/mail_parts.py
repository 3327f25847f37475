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

_LINE_END = re.compile(r"\r\n|\r|\n")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
#: ASCII that needs no encoding.
_PLAIN = re.compile(rb"[\t\r\n -~]*")
_LONE_LF = re.compile(rb"(?<!\r)\n")
#: Some mail servers write ``>From``, as their mailboxes part emails by such lines.
_FROM_LINE = re.compile(rb"^From ", re.MULTILINE)


def text_part(subtype: str, text: str) -> bytes:
    """A text with its headers; text/plain or text/html."""
    data = _LINE_END.sub("\r\n", _LONE_SURROGATE.sub("\ufffd", text)).encode()
    encoding, encoded = _encoded(data)
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode("ascii") + encoded


def alternatives(parts: list[bytes]) -> bytes:
    """The same in several forms, the best one last. The boundary is drawn by lot, so that no text can hold it."""
    boundary = secrets.token_hex(16)
    head = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'
    between = f"--{boundary}\r\n".encode("ascii")
    body = b"".join(between + part + b"\r\n" for part in parts)
    return head.encode("ascii") + body + f"--{boundary}--\r\n".encode("ascii")


def _encoded(data: bytes) -> tuple[str, bytes]:
    """Content-Transfer-Encoding and the encoded bytes: the most readable that carries them as they are."""
    if _PLAIN.fullmatch(data) and not _FROM_LINE.search(data) and _longest_line(data) <= LONGEST_LINE:
        return "7bit", data
    quoted = _LONE_LF.sub(b"\r\n", binascii.b2a_qp(data))  # which may end the lines that it breaks by LF alone
    if len(quoted) <= len(data) * 4 / 3 and not _FROM_LINE.search(quoted):
        return "quoted-printable", quoted
    return "base64", base64.encodebytes(data).replace(b"\n", b"\r\n")


def _longest_line(data: bytes) -> int:
    return max(map(len, data.split(b"\r\n")))
