"""A template's variables, as the one JSON text that is stored, hashed and rendered from."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from shared.errors import invalid_field

#: Longest context as JSON in UTF-8, bytes.
MAX_BYTES = 64 * 1024
#: Deepest nesting; the context itself is 1.
MAX_DEPTH = 32
#: The largest integer that a JSON number carries exactly everywhere (RFC 8259, section 6).
MAX_EXACT = 2**53 - 1

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
#: Keys that may be named in an error; any other could itself be personal.
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def canonical(context: Mapping[str, Any]) -> str:
    """The context as JSON with sorted keys and no spaces; equal contexts give equal texts.

    Raises INVALID_ARGUMENT for what cannot be stored or carried exactly: NUL, NaN and infinities, integers
    beyond 2^53, nesting beyond :data:`MAX_DEPTH`, more than :data:`MAX_BYTES`.
    """
    text = _of_plain(context)
    if not text:
        _check_members(context, 1, "context")
        text = _ENCODER.encode(context).encode()
    if len(text) > MAX_BYTES:
        raise invalid_field("context", "CONTEXT_TOO_LARGE", "is longer than 64 KiB as JSON")
    return text.decode()


def _of_plain(context: Mapping[str, Any]) -> bytes:
    """The same at a third of the cost for texts and exact integers, which nearly all are; empty for any other."""
    for value in context.values():
        if type(value) is not str and (type(value) is not int or abs(value) > MAX_EXACT):
            return b""
    text = to_json({key: context[key] for key in sorted(context)})
    return b"" if b"\\u0000" in text else text


def _check_members(members: Mapping[str, Any], depth: int, path: str) -> None:
    if depth > MAX_DEPTH:
        raise invalid_field("context", "CONTEXT_TOO_DEEP", f"is nested more than {MAX_DEPTH} deep")
    for key, value in members.items():
        if "\0" in key:
            raise invalid_field(path, "CONTEXT_NUL", "has a key that holds a NUL character")
        _check_value(value, depth, path, key)


def _check_value(value: Any, depth: int, path: str, key: str) -> None:
    kind = type(value)
    if kind is str:
        if "\0" in value:
            raise invalid_field(_join(path, key), "CONTEXT_NUL", "holds a NUL character")
    elif kind is float or kind is int:
        _check_number(value, path, key)
    elif kind is dict:
        _check_members(value, depth + 1, _join(path, key))
    elif kind is list:
        if depth >= MAX_DEPTH:
            raise invalid_field("context", "CONTEXT_TOO_DEEP", f"is nested more than {MAX_DEPTH} deep")
        for element in value:
            _check_value(element, depth + 1, path, key)


def _check_number(number: float, path: str, key: str) -> None:
    if not math.isfinite(number):
        raise invalid_field(_join(path, key), "CONTEXT_NOT_FINITE", "is not a number (NaN or infinite)")
    if abs(number) > MAX_EXACT:
        raise invalid_field(
            _join(path, key),
            "CONTEXT_NUMBER_INEXACT",
            "is beyond 2^53, where numbers are no longer carried exactly",
            "send it as a string",
        )


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else path
