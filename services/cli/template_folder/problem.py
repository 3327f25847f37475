"""What is wrong with a folder of templates, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One mistake. ``place`` is a path inside the folder; ``line`` counts from 1, 0: not known."""

    place: str
    words: str
    line: int = 0

    def below(self, root: Path) -> str:
        """As it is told, with the folder's own path."""
        place = root / self.place
        return f"{place}:{self.line}: {self.words}" if self.line else f"{place}: {self.words}"
