"""Walks: how far along an index one page may look for what it shows."""

from __future__ import annotations

#: Rows that one page looks at, at the most: some hundredths of a second of PostgreSQL's time.
LONGEST = 10_000


class Walk:
    """What is left of one page's walk, in rows."""

    def __init__(self, length: int = LONGEST) -> None:
        self.left = length
        #: Where it came to its end; empty: it did not yet.
        self.end = ""

    def go(self, steps: int, place: str) -> None:
        """It went on by so many rows, to ``place``."""
        if steps >= self.left:
            self.end = place
        self.left -= steps
