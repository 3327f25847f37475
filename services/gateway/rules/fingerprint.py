"""What a request asked for, as one hash: two requests with one idempotency key must agree in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

#: The version, which stands in the hashed text, so that a later form can never be taken for this one. Fingerprints are
#: kept for days, and gateways of the release before repeat what this one accepted: whoever adds a version must go on
#: comparing by this one.
_VERSION = 1


def of(asked: Mapping[str, Any], context_json: str) -> bytes:
    """SHA-256 over ``asked`` (JSON values, defaults left out) and the canonical JSON of the context.

    The idempotency key and ``validate_only`` are not part of what was asked and must be left out; objects within
    ``asked`` have their keys sorted.
    """
    head = to_json([_VERSION, dict(sorted(asked.items()))], ensure_ascii=True)
    # Version 1 writes all but printable ASCII as \uXXXX. JSON text holds no raw line break, so that the two parts
    # cannot run into each other.
    return hashlib.sha256(head.replace(b"\x7f", b"\\u007f") + b"\n" + context_json.encode()).digest()
