"""Pictures that a mail shows and does not bring, or brings and does not show, for its timeline.

Neither is refused: a code in time is worth more than a logo, and a template that shows a new picture would stop every
caller that does not bring it yet.
"""

from __future__ import annotations

from collections.abc import Sequence

from pulse.common.v1.notification_pb2 import Decision
from services.gateway.rules import pictures
from shared.channel.table import Channel
from shared.saying.said import Said
from shared.text.rendering import Rendered

#: So many are named, with so many characters each.
_MOST, _LONGEST = 5, 64


def decisions(channel: Channel, rendered: Rendered, said: Said) -> list[Decision]:
    """What is to be told; mostly nothing."""
    if not (channel.facts.carries_html and rendered.html_body):
        return []
    brought = [one.inline_id for one in said.attachments if one.inline_id]
    missing = pictures.missing(rendered.html_body, brought)
    unshown = pictures.unshown(rendered.html_body, brought)
    return [
        *_told("PICTURE_MISSING", missing, "the HTML shows it, and no attachment has this inline_id"),
        *_told("PICTURE_NOT_SHOWN", unshown, "an attachment has this inline_id, and the HTML does not show it"),
    ]


def _told(word: str, ids: Sequence[str], reason: str) -> list[Decision]:
    return [Decision(rule="attachments", result=f"{word}: {one[:_LONGEST]}", reason=reason) for one in ids[:_MOST]]
