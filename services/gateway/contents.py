"""A template's contents, checked before they are kept: every mistake is named at its place."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.gateway.refusal import Refusal
from shared.rendering import CompiledTemplate, RenderError, Text

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PARTS = ("subject", "body", "html_body")


def compile_contents(
    texts: Sequence[Text], *, channel: str, default_locale: str, path: str
) -> tuple[CompiledTemplate | None, list[Refusal]]:
    """The contents ready to be rendered, or None and all that is wrong with them.

    ``channel`` is the template's own, which must find a text; ``path`` names the contents' field.
    """
    refusals = [refusal for n, text in enumerate(texts) for refusal in _mistakes(text, f"{path}[{n}]")]
    refusals += _doubles(texts, default_locale, path)
    if not any(text.channel in ("", channel) for text in texts):
        refusals.append(Refusal(path, "NO_CONTENT_FOR_CHANNEL", f"holds nothing that can be sent by {channel}"))
    return (None, refusals) if refusals else (CompiledTemplate(texts, default_locale), [])


def _mistakes(text: Text, path: str) -> list[Refusal]:
    refusals = []
    if _CONTROL.search(text.subject):
        refusals.append(Refusal(f"{path}.subject", "CONTROL_CHARACTER", "holds a line break or a control character"))
    for part in _PARTS:
        source = getattr(text, part)
        if "\0" in source:
            refusals.append(Refusal(f"{path}.{part}", "CONTROL_CHARACTER", "holds a NUL character"))
        try:
            CompiledTemplate([Text(text.channel, text.locale, **{**dict.fromkeys(_PARTS, ""), part: source})], "")
        except RenderError as error:
            refusals.append(Refusal(f"{path}.{part}", error.reason, error.message.partition(": ")[2] or error.message))
    return refusals


def _doubles(texts: Sequence[Text], default_locale: str, path: str) -> list[Refusal]:
    """Two texts for one channel and language: which of them is sent would be chance."""
    refusals, seen = [], set()
    for n, text in enumerate(texts):
        key = (text.channel, (text.locale or default_locale or "en").lower())
        if key in seen:
            refusals.append(
                Refusal(f"{path}[{n}]", "CONTENT_REPEATED", "is for the same channel and language as one before it")
            )
        seen.add(key)
    return refusals
