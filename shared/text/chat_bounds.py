"""What one message to a chat service can carry at the most, by its kind: nothing is cut, or sent in parts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.saying.said import Said
from shared.text.channel_bounds import Bound
from shared.text.chat_texts import html_units, texts_for, utf8_bytes, utf16_units

_HINT = "title and text count together, and what is markup to the service counts as it is written to be shown"


def _bound(kind: str, what: str, most: int, unit: str, measure: Callable[[str], int]) -> Bound:
    def size(_id: str, heading: str, body: str, _said: Said) -> int:
        title, text = texts_for(kind, heading, body)
        return measure(f"{title}\n{text}" if title else text)

    return Bound(what, unit, most, "CHAT_TOO_LONG", _HINT, size, reason_if_empty="CHAT_EMPTY")


#: By the names that destinations have for their kinds.
CHAT_KINDS: Mapping[str, Bound] = {
    # Apprise's own bound; Slack cuts at 40,000.
    "slack": _bound("slack", "a message to Slack", 35_000, "characters", html_units),
    "discord": _bound("discord", "a message to Discord", 2_000, "characters", utf16_units),
    # Of the 28 KB that a card may have; the rest is left for JSON.
    "teams": _bound("teams", "a message to Teams", 14_000, "bytes", utf8_bytes),
    "telegram": _bound("telegram", "a message to Telegram", 4_096, "characters", utf16_units),
    # An event of 64 KiB, of which JSON may double what is quoted.
    "matrix": _bound("matrix", "a message to Matrix", 30_000, "bytes", utf8_bytes),
    # What is longer ntfy turns into a file.
    "ntfy": _bound("ntfy", "a message to ntfy", 4_096, "bytes", utf8_bytes),
    "gotify": _bound("gotify", "a message to Gotify", 32_768, "characters", utf16_units),
    "mattermost": _bound("mattermost", "a message to Mattermost", 4_000, "characters", utf16_units),
}

#: What any of them carries: where the kind is not known, as when a digest is fitted.
CHAT_TEXT = min(CHAT_KINDS.values(), key=lambda bound: bound.most)
