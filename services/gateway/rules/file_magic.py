"""What a file is by its first bytes: which picture, and whether a machine would run it. Nothing is unpacked."""

from __future__ import annotations

#: What pictures begin with, by their kind.
_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
)
#: Brands of ISO media files that are pictures.
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
}
#: Names of one kind.
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/x-bmp": "image/bmp",
    "image/vnd.microsoft.icon": "image/x-icon",
    "image/heif": "image/heic",
    "image/svg": "image/svg+xml",
}
#: Windows, Linux, macOS, Java, Android, WebAssembly, a Windows shortcut, a script that names its interpreter.
_PROGRAMS = (
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"dex\n",
    b"\0asm",
    b"L\0\0\0\x01\x14\x02\0",
    b"MSCF\0\0\0\0",
    b"#!",
    b"\xef\xbb\xbf#!",
)
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n\f"
#: An SVG begins within so many bytes, behind what XML may have before it.
_SVG_WITHIN = 4096


def image_type(content: bytes) -> str:
    """Which picture it is, "image/png" say; empty: none."""
    for beginning, kind in _IMAGES:
        if content.startswith(beginning):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12], "")
    head = content[:_SVG_WITHIN]
    return "image/svg+xml" if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in head else ""


def same_image(declared: str, found: str) -> bool:
    """Whether the kind that somebody says, in lower case and without parameters, is the one that the bytes have."""
    return _ALIASES.get(declared, declared) == found


def is_program(content: bytes) -> bool:
    """Whether it begins as what a machine runs."""
    if content.startswith(b"MZ"):  # which a text may begin with too
        return bool(content[2:64].translate(None, _TEXT)) or len(content) == len(b"MZ")
    return content.startswith(_PROGRAMS)
