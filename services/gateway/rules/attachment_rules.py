"""Which files may go with an email: their names, their kinds, and how much there may be. Pure."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Iterable, Sequence

from services.gateway.rules import file_magic
from shared.errors import Code, PulseError, invalid_field
from shared.text.rendering import CONTROL

#: One file at the most, bytes.
MOST_BYTES = 10 * 2**20
#: A mail's files together, bytes as they are: in base64, as they travel, they weigh 37 % more.
MOST_MAIL_BYTES = 20 * 2**20

#: Endings that mail providers refuse, as a double click would run them.
DENIED = frozenset(
    [
        "ade",
        "adp",
        "apk",
        "app",
        "application",
        "appx",
        "appxbundle",
        "asp",
        "bas",
        "bat",
        "cab",
        "cer",
        "chm",
        "cmd",
        "com",
        "cpl",
        "crt",
        "csh",
        "der",
        "deb",
        "diagcab",
        "diagcfg",
        "diagpkg",
        "dll",
        "dmg",
        "ex",
        "ex_",
        "exe",
        "fxp",
        "gadget",
        "hlp",
        "hta",
        "img",
        "inf",
        "ins",
        "iso",
        "isp",
        "its",
        "jar",
        "jnlp",
        "js",
        "jse",
        "ksh",
        "lib",
        "lnk",
        "mad",
        "maf",
        "mag",
        "mam",
        "maq",
        "mar",
        "mas",
        "mat",
        "mau",
        "mav",
        "maw",
        "mda",
        "mdb",
        "mde",
        "mdt",
        "mdw",
        "mdz",
        "mjs",
        "msc",
        "msh",
        "msh1",
        "msh1xml",
        "msh2",
        "msh2xml",
        "mshxml",
        "msi",
        "msix",
        "msixbundle",
        "msp",
        "mst",
        "nsh",
        "ops",
        "pcd",
        "pif",
        "pkg",
        "plg",
        "prf",
        "prg",
        "ps1",
        "ps1xml",
        "ps2",
        "ps2xml",
        "psc1",
        "psc2",
        "psd1",
        "psm1",
        "reg",
        "rpm",
        "scf",
        "scr",
        "sct",
        "sh",
        "shb",
        "shs",
        "sys",
        "tmp",
        "url",
        "vb",
        "vbe",
        "vbs",
        "vhd",
        "vhdx",
        "vps",
        "vsmacros",
        "vss",
        "vst",
        "vsw",
        "vxd",
        "ws",
        "wsc",
        "wsf",
        "wsh",
        "xll",
        "xnk",
        "bash",
        "zsh",
    ]
)
_DENIED_TYPES = frozenset(
    {
        *("application/x-msdownload", "application/x-msdos-program", "application/x-dosexec", "application/x-msi"),
        *("application/vnd.microsoft.portable-executable", "application/x-executable", "application/x-elf"),
        *("application/x-sharedlib", "application/x-mach-binary", "application/x-sh", "application/x-csh"),
        *("application/x-bat", "application/x-shellscript", "text/x-shellscript", "text/x-sh", "application/hta"),
        *("application/javascript", "application/x-javascript", "text/javascript", "text/ecmascript"),
        *("application/ecmascript", "text/vbscript", "application/java-archive", "application/x-java-archive"),
        *("application/vnd.android.package-archive", "application/x-ms-shortcut", "application/x-powershell"),
        *("application/x-iso9660-image", "application/x-apple-diskimage", "application/wasm"),
    }
)
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_CHARSET = re.compile(r'\s*;\s*charset="?([a-z0-9_.:-]{1,40})"?\s*')
#: What programs say that do not know what they send.
_UNSAID = frozenset({"", "application/x-www-form-urlencoded", "application/octet-stream", "binary/octet-stream"})
#: Signs that turn the direction of a text, so that "exe.pdf" may be "fdp.exe".
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
_BY_NAME = mimetypes.MimeTypes()


def checked_name(field: str, name: str) -> str:
    """The name, if it is one; raises INVALID_ARGUMENT for a path, a trick, or an ending that is refused."""
    if CONTROL.search(name) or _TURNING.search(name):
        raise invalid_field(field, "ATTACHMENT_FILENAME", "holds a control character or one that turns the text")
    folded = unicodedata.normalize("NFKC", name)
    if re.search(r"[/\\]", name + folded) or not folded.strip(" .") or len(name.encode("utf-8", "replace")) > 255:
        raise invalid_field(
            field, "ATTACHMENT_FILENAME", "is no plain name of at most 255 bytes", "send it without path"
        )
    visible = "".join(sign for sign in folded if unicodedata.category(sign) != "Cf")
    # Windows leaves out spaces and full stops at the end, and what stands behind a colon.
    for part in visible.lower().split(":"):
        if part.strip(" .").rpartition(".")[2] in DENIED and "." in part:
            raise invalid_field(field, "ATTACHMENT_TYPE_DENIED", "is the name of a program or script")
    return name


def checked_type(field: str, said: str, name: str) -> str:
    """The kind that is said, or else the one that the name tells; raises INVALID_ARGUMENT for one that is refused."""
    kind, _, rest = said.strip().lower().partition(";")
    kind = kind.strip()
    if kind in _UNSAID:
        return _BY_NAME.guess_type(name)[0] or "application/octet-stream"
    if not _TYPE.fullmatch(kind):
        raise invalid_field(field, "ATTACHMENT_TYPE", "is no content type, as application/pdf is one")
    if kind in _DENIED_TYPES:
        raise invalid_field(field, "ATTACHMENT_TYPE_DENIED", "is a kind of program or script")
    if kind.startswith(("multipart/", "message/")):
        hint = "send it as application/octet-stream"
        raise invalid_field(field, "ATTACHMENT_TYPE_DENIED", "is a kind that no email can carry as a file", hint)
    charset = _CHARSET.fullmatch(";" + rest) if kind.startswith("text/") and rest else None
    return f"{kind}; charset={charset[1]}" if charset else kind


def check_content(field: str, content: bytes) -> None:
    """Raises INVALID_ARGUMENT for no bytes, and for a program."""
    if not content:
        raise invalid_field(field, "ATTACHMENT_EMPTY", "has no bytes")
    if file_magic.is_program(content):
        raise invalid_field(field, "ATTACHMENT_TYPE_DENIED", "begins as a program or script does")


def check_image(field: str, content_type: str, found: str, inline_id: str = "") -> None:
    """Raises INVALID_ARGUMENT where bytes are not the picture that they are said, or needed, to be."""
    kind = content_type.partition(";")[0]
    if inline_id and not kind.startswith("image/"):
        raise invalid_field(field, "ATTACHMENT_NOT_AN_IMAGE", "is shown in the text, and is no image/...")
    if kind.startswith("image/") and not file_magic.same_image(kind, found):
        what = f"are of {found}" if found else "are of no picture"
        raise invalid_field(field, "ATTACHMENT_NOT_AN_IMAGE", f"is {kind}, and the bytes {what}")


def check_inline_ids(inline_ids: Sequence[str]) -> None:
    """Raises INVALID_ARGUMENT where the HTML could mean either of two pictures."""
    for n, inline_id in enumerate(inline_ids):
        if inline_id and inline_id in inline_ids[:n]:
            words = "is that of an attachment before it"
            raise invalid_field(f"attachments[{n}].inline_id", "ATTACHMENT_INLINE_ID_REPEATED", words)


def check_total(sizes: Iterable[int]) -> None:
    """Raises INVALID_ARGUMENT for more than a mail may carry."""
    total = sum(sizes)
    if total > MOST_MAIL_BYTES:
        raise invalid_field(
            "attachments", "ATTACHMENTS_TOO_LARGE", f"weigh {total} bytes together; a mail carries {MOST_MAIL_BYTES}"
        )


def unknown(attachment_id: str) -> PulseError:
    """NOT_FOUND."""
    return PulseError(
        Code.NOT_FOUND,
        "ATTACHMENT_NOT_FOUND",
        "there is no such attachment, or its time is over",
        hint="upload it again",
        metadata={"attachment_id": attachment_id[:64]},
    )
