"""A mail's HTML part as a document for a frame of its own, light or dark.

The frame has no scripts and is of no origin (``sandbox``). Its document's own policy says what it may fetch: nothing,
until the reader asks for pictures.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Mapping
from pathlib import Path

#: Pictures that stand in the text itself are shown, and nothing is fetched.
_NOTHING = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_PICTURES = "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'"
#: For a document at an address of its own, which may fetch pictures. Their servers are not told where it was looked at.
WITH_PICTURES: Mapping[str, str] = {
    "Content-Security-Policy": f"{_PICTURES}; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
}
_STYLES = Path(__file__).parents[2] / "static" / "devices.css"
#: A style's question about the reader's theme: what is chosen beside the preview answers it.
_ASKS = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
_YES, _NO = "(min-width: 0)", "(max-width: 0)"
#: Whatever a mail says of its colours: a style's question, its own colour scheme, or the head's.
_SAYS = re.compile(r"color-schemes?\b[^;>]{0,80}\bdark\b|\bdark\b[^;>]{0,80}color-schemes?\b", re.IGNORECASE)


def knows_dark(body: str) -> bool:
    """Whether HTML says how it looks on dark ground."""
    return bool(_SAYS.search(body))


def push_document(cards: str, shade: str, *, pictures: bool = False) -> str:
    """The cards of a push, light or dark, in the looks of devices; ``pictures`` as for mails."""
    head = f'<html lang="en" class="{shade}"><meta charset="utf-8">{_policy(pictures)}<style>{_looks()}</style>'
    return f"<!doctype html>{head}{cards}"


def mail_document(body: str, shade: str, *, pictures: bool = False) -> str:
    """``body`` as a program shows it that follows a mail's own styles; ``shade`` is light or dark.

    With ``pictures`` it is to be answered under :data:`WITH_PICTURES`.
    """
    scheme = shade if knows_dark(body) else "light"
    answered = _ASKS.sub(lambda asked: _YES if asked[1].lower() == shade else _NO, body)
    return (
        f'<!doctype html><meta charset="utf-8">{_policy(pictures)}'
        f"<style>:root{{color-scheme:only {scheme}!important}}body{{font-family:sans-serif}}</style>{answered}"
    )


@functools.cache
def _looks() -> str:
    """How devices draw a push. It stands in the document, which is of no origin that a style sheet could come from."""
    return _STYLES.read_text()


def _policy(pictures: bool) -> str:
    return "" if pictures else f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_NOTHING)}">'
