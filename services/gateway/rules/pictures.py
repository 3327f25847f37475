"""The pictures that a mail's HTML shows out of the mail itself (RFC 2392), and those that it brings. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from urllib.parse import unquote

#: Where a picture's address stands: an attribute, or a style. Spaces are counted, so that many cost no more than few.
_PLACE = r"""(?:\b(?:src|background|poster|href)\s{0,8}=\s{0,8}["']?|\burl\(\s{0,8}(?:["']|&quot;)?)"""
_SHOWN = re.compile(_PLACE + r"""\s{0,8}cid:([^"'\s<>)&]+)""", re.IGNORECASE)


def shown(html: str) -> list[str]:
    """The ids behind ``cid:``, each once, in their order."""
    if "cid:" not in html and "CID:" not in html:
        return []
    return list(dict.fromkeys(unquote(unescape(found)) for found in _SHOWN.findall(html)))


def missing(html: str, inline_ids: Sequence[str]) -> list[str]:
    """Those that the HTML shows and nobody brings: a recipient sees a broken picture."""
    return [one for one in shown(html) if one not in inline_ids]


def unshown(html: str, inline_ids: Sequence[str]) -> list[str]:
    """Those that are brought, and that the HTML does not show: many mail programs hide them. None without HTML."""
    if not html:
        return []
    found = shown(html)
    return [one for one in inline_ids if one and one not in found]
