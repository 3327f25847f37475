"""What is wrong with something to be recorded."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """A field that breaks its rule."""

    field: str
    description: str
