"""A text as its channel sends it: what is counted at acceptance is what workers send. Pure."""

from __future__ import annotations

from shared.channel.table import Channel
from shared.saying.said import Said
from shared.text.transliteration import transliterated


def body_of(channel: Channel | None, body: str, said: Said) -> str:
    """``body``, in the letters of the short alphabet where that is said of what goes in segments."""
    if not said.sms.transliterate or channel is None or not channel.facts.in_segments:
        return body
    return transliterated(body)
