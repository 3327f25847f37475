"""The pages that recipients see who follow an unsubscribe link. They ask nothing of any other address."""

from __future__ import annotations

import base64
import hashlib
import html
from string import Template

from shared.channel.table import Channel

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; font: 1.125rem/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText; }
main { max-width: 32rem; margin: 15vh auto 0; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; line-height: 1.25; }
button { font: inherit; padding: .625rem 1.25rem; border: 2px solid; border-radius: .5rem; cursor: pointer;
  background: CanvasText; color: Canvas; }
button:focus-visible { outline: 3px solid Highlight; outline-offset: 3px; }
"""

_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$title</h1>
$body
</main>
</body>
</html>
"""
)

#: The pair that RFC 8058 (section 3.1) has mail programs post; the page's own button posts it too.
_FORM = """<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click">
<button>Unsubscribe</button>
</form>"""


def headers() -> tuple[tuple[str, str], ...]:
    """What every page is sent with: nothing but its own style may load or run, and nobody may frame or keep it."""
    style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return (
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-robots-tag", "noindex"),
    )


def asking(category: str, channel: Channel) -> bytes:
    """Asks whether to unsubscribe; nothing is done until the button is pressed."""
    what = _what(category, channel)
    return _page("Unsubscribe?", f"<p>You will get no more {what}.</p>\n{_FORM}")


def done(category: str, channel: Channel) -> bytes:
    """Says that it is done."""
    what = _what(category, channel)
    return _page("You are unsubscribed", f"<p>You will get no more {what}. You can close this page.</p>")


def not_a_link() -> bytes:
    """Says that the link is none of Pulse's."""
    return _page(
        "This link does not work",
        "<p>It may have been cut off, or have grown too old. Please use the link in the latest mail you got.</p>",
    )


def _what(category: str, channel: Channel) -> str:
    told = channel.facts.in_words
    return f"{told} of the kind “{html.escape(category)}”" if category else f"{told} of this kind"


def _page(title: str, body: str) -> bytes:
    return _PAGE.substitute(title=title, style=_STYLE, body=body).encode()
