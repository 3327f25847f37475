"""The caller's own labels (``metadata``), beyond what the contract's rules say."""

from __future__ import annotations

from collections.abc import Mapping

from services.gateway.rules.nul import refuse_nul


def check(labels: Mapping[str, str]) -> None:
    """Raises INVALID_ARGUMENT if a label holds a NUL character."""
    refuse_nul("metadata", "METADATA_NUL", *labels.keys(), *labels.values())
