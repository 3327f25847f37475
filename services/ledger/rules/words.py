"""Words: the contract's names, as rows hold them."""

from __future__ import annotations

import enum
from typing import Self


class Word(enum.StrEnum):
    """A kind of words; each kind has ``UNSPECIFIED``, which is never written.

    During an upgrade another release writes words that this one does not know. Whoever reads says UNSPECIFIED for them;
    whoever decides leaves alone what is described by them.
    """

    #: Equal words are equal texts; the enum's own way is Python, and takes ten times as long.
    __hash__ = str.__hash__

    @classmethod
    def read(cls, text: str) -> Self:
        """The word of that text, UNSPECIFIED if this release has none."""
        member: Self = cls._value2member_map_.get(text, cls._value2member_map_["UNSPECIFIED"])  # type: ignore[assignment]
        return member

    @classmethod
    def known(cls) -> list[Self]:
        """All that may be written, in their order."""
        return [word for word in cls if word != "UNSPECIFIED"]
