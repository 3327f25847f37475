"""The idempotency key, from the request's field or from its header."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.errors import invalid_field

#: Longest key, characters.
MAX_LENGTH = 255

_FIELD = "idempotency_key"
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")


def resolve(field: str, headers: Sequence[str]) -> str:
    """The request's key, "" for none; raises INVALID_ARGUMENT.

    ``headers`` are the values of every ``idempotency-key`` header. An empty field means that none was given; an
    empty header is a caller's mistake, as nobody sends one to say nothing.
    """
    if not headers:
        return _checked(field) if field else ""
    if len(headers) > 1:
        raise invalid_field(_FIELD, "IDEMPOTENCY_KEY_REPEATED", "stands in more than one Idempotency-Key header")
    header = headers[0]
    if not header:
        raise invalid_field(_FIELD, "IDEMPOTENCY_KEY_EMPTY", "is empty in the Idempotency-Key header")
    if field and field != header:
        raise invalid_field(
            _FIELD, "IDEMPOTENCY_KEY_MISMATCH", "differs between the field and the Idempotency-Key header"
        )
    return _checked(header)


def _checked(key: str) -> str:
    if len(key) > MAX_LENGTH:
        raise invalid_field(_FIELD, "IDEMPOTENCY_KEY_TOO_LONG", f"is longer than {MAX_LENGTH} characters")
    if not _VISIBLE_ASCII.fullmatch(key):
        raise invalid_field(_FIELD, "IDEMPOTENCY_KEY_INVALID", "holds something other than visible ASCII characters")
    return key
