"""Which of a fragment's texts is taken into a text of some channel and language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.text.locales import nearest


class FragmentText(NamedTuple):
    """What a fragment says by one channel ("" for any) in one language ("" for a template's default)."""

    channel: str
    locale: str
    body: str


class Wanted(NamedTuple):
    """For which text. ``own_channel`` is the template's, where the text is for any; "" where nobody knows it yet."""

    channel: str
    locale: str
    own_channel: str
    default_locale: str


class Chosen(NamedTuple):
    """A fragment's text, and whether it is in another language than was wanted."""

    text: FragmentText
    is_other_language: bool


def choose(texts: Sequence[FragmentText], wanted: Wanted) -> Chosen | None:
    """Own channel before any; then the nearest language, the nearest to the default, the first. None: none is fit."""
    fit = (
        [text for text in texts if text.channel == wanted.channel]
        or [text for text in texts if not text.channel]
        or [text for text in texts if not wanted.channel and wanted.own_channel in ("", text.channel)]
    )
    if not fit:
        return None
    locale = wanted.locale or wanted.default_locale
    offered = [text.locale or wanted.default_locale for text in fit]
    own = nearest((locale,), offered)
    return Chosen(fit[nearest((locale, wanted.default_locale), offered) or 0], own is None)
