"""The pages that recipients see who follow an unsubscribe link."""

from __future__ import annotations

import html

from services.gateway.rules.pages.recipient_page import page
from shared.channel.table import Channel

#: The pair that RFC 8058 (section 3.1) has mail programs post; the page's own button posts it too.
_FORM = """<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click">
<button>Unsubscribe</button>
</form>"""


def asking(category: str, channel: Channel) -> bytes:
    """Asks whether to unsubscribe; nothing is done until the button is pressed."""
    what = _what(category, channel)
    return page("Unsubscribe?", f"<p>You will get no more {what}.</p>\n{_FORM}")


def done(category: str, channel: Channel) -> bytes:
    """Says that it is done."""
    what = _what(category, channel)
    return page("You are unsubscribed", f"<p>You will get no more {what}. You can close this page.</p>")


def not_a_link() -> bytes:
    """Says that the link is none of Pulse's."""
    return page(
        "This link does not work",
        "<p>It may have been cut off, or have grown too old. Please use the link in the latest mail you got.</p>",
    )


def _what(category: str, channel: Channel) -> str:
    told = channel.facts.in_words
    return f"{told} of the kind “{html.escape(category)}”" if category else f"{told} of this kind"
