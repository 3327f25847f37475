"""What mail programs show behind a subject: the first words of the HTML part, which nobody sees in the mail itself."""

from __future__ import annotations

import html
import re

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_HIDDEN = "display:none;max-height:0;max-width:0;overflow:hidden;mso-hide:all;opacity:0"


def with_preheader(html_body: str, preheader: str) -> str:
    """``html_body`` with the words at its head; as it is where there are none."""
    if not preheader:
        return html_body
    words = f'<div style="{_HIDDEN}">{html.escape(preheader)}</div>'
    body = _BODY.search(html_body)
    at = body.end() if body else 0
    return html_body[:at] + words + html_body[at:]
