"""What somebody gets who follows a link to a file: the file, to be saved, or a page that says why not."""

from __future__ import annotations

from urllib.parse import quote

from services.gateway.rules.pages.recipient_page import page

#: Kinds that a browser may be told: it runs nothing of them, wherever they come from. All others are bytes.
_TOLD = frozenset(
    [
        *("application/pdf", "application/zip", "text/plain", "text/csv", "text/calendar"),
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/heic", "image/avif"),
    ]
)
_BYTES = "application/octet-stream"


def content_type(kind: str) -> str:
    """The kind as it is told."""
    return kind if kind.partition(";")[0].strip().lower() in _TOLD else _BYTES


def headers(filename: str) -> tuple[tuple[str, str], ...]:
    """What a file is sent with: it is saved under its name, and neither shown nor run under Pulse's address."""
    return (
        ("content-disposition", _disposition(filename)),
        ("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "private, no-store"),
        ("x-robots-tag", "noindex"),
    )


def not_a_link() -> bytes:
    """Says that the link is none of Pulse's."""
    return page("This link does not work", "<p>It may have been cut off. Please copy the whole of it.</p>")


def is_over() -> bytes:
    """Says that there was such a file."""
    return page(
        "This file is not here any more",
        "<p>Its link was good for some time only. Please ask whoever sent it to you for a new one.</p>",
    )


def _disposition(filename: str) -> str:
    """For saving (RFC 6266): the name in ASCII for old programs, and as it is (RFC 8187) for all others."""
    plain = "".join(sign if sign.isascii() and sign.isprintable() and sign not in '"\\%' else "_" for sign in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
