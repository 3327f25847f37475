"""Texts with a NUL character, which PostgreSQL can neither store nor compare."""

from __future__ import annotations

from shared.errors import invalid_field


def refuse_nul(field: str, reason: str, *texts: str) -> None:
    """Raises INVALID_ARGUMENT if one of the texts holds a NUL character."""
    if any("\0" in text for text in texts):
        raise invalid_field(field, reason, "holds a NUL character")
