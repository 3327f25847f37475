"""Files of an email as MIME parts: beside the text (RFC 2046, multipart/mixed), or shown in it (RFC 2387)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from urllib.parse import quote

from services.delivery.providers.mail.mail_headers import carried
from services.delivery.rules.provider import File

#: A name that needs no encoding within quotes.
_PLAIN_NAME = re.compile(r"(?! )[A-Za-z0-9 !#$&()+,.=@^_`{}~-]{1,60}(?<! )")
#: Signs of an encoded name in one parameter, and of a line (RFC 2231, section 3).
_PIECE = 60
#: What stands for itself in an encoded parameter (RFC 2231, section 7), besides letters, digits and "_.-~".
_ATTRIBUTE_SIGNS = "!#$&+^`{}|"


def with_files(body: bytes, files: Sequence[File], *, has_html: bool) -> bytes:
    """``body``, a part with its headers, with its files; a picture goes beside a text that has no HTML to show it."""
    inline = [one for one in files if one.inline_id and has_html]
    others = [one for one in files if not (one.inline_id and has_html)]
    if inline:
        body = _multipart("related", [body, *(_file_part(one, "inline") for one in inline)], body)
    if others:
        body = _multipart("mixed", [body, *(_file_part(one, "attachment") for one in others)], body)
    return body


def _multipart(subtype: str, parts: Sequence[bytes], root: bytes) -> bytes:
    """The boundary is drawn by lot, so that no text can hold it."""
    boundary = secrets.token_hex(16)
    kind = f'; type="{_type_of(root)}"' if subtype == "related" else ""
    head = f'Content-Type: multipart/{subtype}{kind};\r\n boundary="{boundary}"\r\n\r\n'
    between = f"--{boundary}\r\n".encode("ascii")
    pieces = [head.encode("ascii")]
    for part in parts:
        pieces += [between, part, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode("ascii")])


def _type_of(part: bytes) -> str:
    return part.partition(b":")[2].partition(b";")[0].strip().decode("ascii")


def _file_part(file: File, disposition: str) -> bytes:
    name = carried(file.filename)
    head = f"Content-Type: {file.content_type}\r\nContent-Transfer-Encoding: base64\r\n"
    head += f"Content-Disposition: {disposition}{_named(name)}\r\n"
    if file.inline_id:
        head += f"Content-ID: <{file.inline_id}>\r\n"
    return head.encode("ascii") + b"\r\n" + file.encoded


def _named(name: str) -> str:
    """The parameter of a name, over as many lines as it needs."""
    if _PLAIN_NAME.fullmatch(name):
        return f';\r\n filename="{name}"'
    text = "utf-8''" + quote(name.encode("utf-8", "replace"), safe=_ATTRIBUTE_SIGNS)
    pieces = _pieces(text)
    if len(pieces) == 1:
        return f";\r\n filename*={text}"
    return "".join(f";\r\n filename*{n}*={piece}" for n, piece in enumerate(pieces))


def _pieces(text: str) -> list[str]:
    """Never cut within a %XX."""
    return re.findall(rf"(?:%[0-9A-F]{{2}}|[^%]){{1,{_PIECE // 3}}}", text)
