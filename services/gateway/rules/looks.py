"""What would be sent, but would not look as it should. Pure."""

from __future__ import annotations

from shared.text.rendering import Rendered

#: Most of a mail's HTML that Gmail shows, bytes: https://developers.google.com/gmail says nothing, senders measured it.
GMAIL_SHOWS = 102 * 1024


def warnings(rendered: Rendered) -> list[str]:
    """Sentences, each beginning with a word in capitals."""
    size = len(rendered.html_body.encode("utf-8", "replace"))
    if size <= GMAIL_SHOWS:
        return []
    return [f"HTML_CLIPPED: the HTML takes {size:,} bytes; Gmail hides what comes after the first {GMAIL_SHOWS:,}"]
