"""The caller's own labels (``metadata``), beyond what the contract's rules say."""

from __future__ import annotations

from collections.abc import Mapping

from services.gateway.refusal import Refusal


def check(labels: Mapping[str, str]) -> None:
    """Raises :class:`Refusal` if a label holds a NUL character, which cannot be stored."""
    for key, value in labels.items():
        if "\0" in key or "\0" in value:
            raise Refusal("metadata", "METADATA_NUL", "holds a NUL character")
