"""A row as its file has it, before it is looked at."""

from __future__ import annotations

from typing import Any, NamedTuple


class Record(NamedTuple):
    """A row's number in its file, its JSON object, and why it could not be read (empty: it could)."""

    number: int
    fields: dict[str, Any]
    problem: str = ""
