"""What would be sent, but would not look as it should. Pure."""

from __future__ import annotations

from services.gateway.rules import pictures
from shared.text.rendering import Rendered

#: Most of a mail's HTML that Gmail shows, bytes: https://developers.google.com/gmail says nothing, senders measured it.
GMAIL_SHOWS = 102 * 1024
#: So many pictures are named.
_MOST_NAMED = 10


def warnings(rendered: Rendered) -> list[str]:
    """Sentences, each beginning with a word in capitals."""
    found = []
    size = len(rendered.html_body.encode("utf-8", "replace"))
    if size > GMAIL_SHOWS:
        clipped = f"the HTML takes {size:,} bytes; Gmail hides what comes after the first {GMAIL_SHOWS:,}"
        found.append(f"HTML_CLIPPED: {clipped}")
    if needed := pictures.shown(rendered.html_body):
        named = ", ".join(needed[:_MOST_NAMED]) + (", ..." if len(needed) > _MOST_NAMED else "")
        found.append(f"PICTURES_NEEDED: each request must attach pictures with these as their inline_id: {named}")
    return found
