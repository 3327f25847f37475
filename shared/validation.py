"""The rules that stand in the contract (protovalidate), applied to a message."""

from __future__ import annotations

from typing import Any

import protovalidate
from google.protobuf.message import Message

from shared.errors import Violation, invalid

#: Said in place of the library's own words, which do not tell that the field was left out.
_MISSING = frozenset({"must be at least 1 characters", "value is required", "must contain at least 1 item(s)"})


def check(message: Message) -> None:
    """Raises INVALID_ARGUMENT naming every field that breaks its rule; never repeats a value."""
    found = protovalidate.collect_violations(message)
    if found:
        raise invalid([_violation(one.proto) for one in found])


def _violation(proto: Any) -> Violation:
    description = "is required" if proto.message in _MISSING else proto.message
    return Violation(_path(proto.field.elements) if proto.field else "request", description)


def _path(elements: Any) -> str:
    """``contents[1].body``; a map's key is left out, as it is the caller's own text."""
    return ".".join(element.field_name + _index(element.subscript) for element in elements)


def _index(subscript: Any) -> str:
    return f"[{subscript.value}]" if subscript is not None and subscript.field == "index" else ""
