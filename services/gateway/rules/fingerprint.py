"""What a request asked for, as one hash: two requests with one idempotency key must agree in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

#: Stands in the hashed text, so that a later canonical form can never be taken for this one.
_FORM = 1

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def of(asked: Mapping[str, Any], context_json: str) -> bytes:
    """SHA-256 over ``asked`` (JSON values, defaults left out) and the canonical JSON of the context.

    The idempotency key and ``validate_only`` are not part of what was asked and must be left out.
    """
    head = _ENCODER.encode([_FORM, asked])
    # JSON text holds no raw line break, so the two parts cannot run into each other.
    return hashlib.sha256(f"{head}\n{context_json}".encode()).digest()
