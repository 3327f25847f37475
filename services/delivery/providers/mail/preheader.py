"""What mail programs show behind a subject: the first words of the HTML part, which nobody sees in the mail itself."""

from __future__ import annotations

import html
import re

#: A comment, which may hold a body for some programs alone and is looked over, or where the body's tag begins.
_COMMENT_OR_BODY = re.compile(r"<!--(?:.*?-->|.*\Z)|(<body\b)", re.IGNORECASE | re.DOTALL)
#: What is left of a tag: a > within quotes is not its end.
_REST_OF_TAG = re.compile(r"""(?:[^>"']|"[^"]*"|'[^']*')*>""")
#: What comes before everything that is shown, where no body is named.
_HEAD = re.compile(
    r"\s*(?:<!doctype\b[^>]*>\s*)?(?:<html\b[^>]*>\s*)?(?:<head\b[^>]*>.*?</head\s*>)?", re.IGNORECASE | re.DOTALL
)
_HIDDEN = "display:none;max-height:0;max-width:0;overflow:hidden;mso-hide:all;opacity:0"


def with_preheader(html_body: str, preheader: str) -> str:
    """``html_body`` with the words at its head; as it is where there are none."""
    if not preheader:
        return html_body
    words = f'<div style="{_HIDDEN}">{html.escape(preheader)}</div>'
    at = _start_of_body(html_body)
    return html_body[:at] + words + html_body[at:]


def _start_of_body(html_body: str) -> int:
    """Where what is shown begins. Each text is gone through once, whatever it holds."""
    for found in _COMMENT_OR_BODY.finditer(html_body):
        if found[1]:
            rest = _REST_OF_TAG.match(html_body, found.end())
            if rest is not None:
                return rest.end()
            break
    head = _HEAD.match(html_body)
    return head.end() if head is not None else 0
