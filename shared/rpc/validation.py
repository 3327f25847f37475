"""The rules that stand in the contract (protovalidate), applied to a message."""

from __future__ import annotations

from typing import Any

import protovalidate
from google.protobuf.message import Message

from shared.errors import Violation, invalid

#: Said in place of the library's own words, which quote patterns and do not tell that a field was left out.
_WORDS = {
    "must be at least 1 characters": "is required",
    "value is required": "is required",
    "must contain at least 1 item(s)": "is required",
    r"does not match regex pattern `^[^\x00-\x1f\x7f]*$`": "must not hold a control character",
    "must not be in list [., ..]": 'must not be "." or "..", which stand for folders in a path',
    "does not match regex pattern `^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*)?$`": (
        "must be a BCP 47 tag, its parts joined by hyphens: zh-Hant-TW"
    ),
}


def check(message: Message) -> None:
    """Raises INVALID_ARGUMENT naming every field that breaks its rule; never repeats a value."""
    found = protovalidate.collect_violations(message)
    if found:
        raise invalid([_violation(one.proto) for one in found])


def _violation(proto: Any) -> Violation:
    description = _WORDS.get(proto.message, proto.message)
    return Violation(_path(proto.field.elements) if proto.field else "request", description)


def _path(elements: Any) -> str:
    """``contents[1].body``; a map's key is left out, as it is the caller's own text."""
    return ".".join(element.field_name + _index(element.subscript) for element in elements)


def _index(subscript: Any) -> str:
    return f"[{subscript.value}]" if subscript is not None and subscript.field == "index" else ""
