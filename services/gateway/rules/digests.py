"""What a template that collects notifications sees of them, as far as one request alone can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.errors import invalid_field

#: The variable that holds how many there are, how many of them are left out, and what each of the others was given.
VARIABLE = "digest"


def with_digest(context: Mapping[str, Any]) -> dict[str, Any]:
    """The context of a digest of this one; any other digest is made of contexts that passed the same check."""
    return {**context, VARIABLE: {"count": 1, "omitted": 0, "entries": [context]}}


def refuse_own(context: Mapping[str, Any]) -> None:
    """Refuses a request that sets the variable itself, as what it says would be lost."""
    if VARIABLE in context:
        raise invalid_field(
            f"context.{VARIABLE}", "CONTEXT_RESERVED", "is filled in by Pulse, as the template collects notifications"
        )
