"""A message of the contract from plain values, as TOML has them: whatever fields it has, by their own names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from pulse.common.v1 import template_pb2

#: Told what is wrong with the value under a path.
Refuse = Callable[[tuple[str, ...], str], None]


def is_answered(field: Any) -> bool:
    """Whether only Pulse gives it."""
    return field_behavior_pb2.OUTPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]


def fill(
    message: Message,
    table: Mapping[str, Any],
    path: tuple[str, ...],
    refuse: Refuse,
    elsewhere: frozenset[str] = frozenset(),
) -> None:
    """Sets what the table says; every key and value that cannot be is refused by its path, and left out.

    ``elsewhere`` are fields that stand in another place.
    """
    fields = message.DESCRIPTOR.fields_by_name
    for name, value in table.items():
        field = fields.get(name)
        if field is None:
            refuse(
                (*path, name),
                f"there is no {name!r} here; there are {', '.join(sorted({*_settable(fields)} - elsewhere))}",
            )
        elif is_answered(field):
            refuse((*path, name), f"{name!r} is Pulse's to say")
        elif _is_table(field):
            if isinstance(value, dict):
                getattr(message, name).SetInParent()
                fill(getattr(message, name), value, (*path, name), refuse)
            else:
                refuse((*path, name), f"{name!r} is a table")
        else:
            _set(message, field, value, (*path, name), refuse)


def plain(message: Message, without: frozenset[str]) -> dict[str, Any]:
    """What it says, as :func:`fill` takes it; without these fields, and without what only Pulse gives.

    ValueError for a word of an enumeration that this release has no name for.
    """
    rest = type(message)()
    rest.CopyFrom(message)
    for name, field in message.DESCRIPTOR.fields_by_name.items():
        if name in without or is_answered(field):
            rest.ClearField(name)
        elif field.enum_type and not field.is_repeated and getattr(rest, name) not in field.enum_type.values_by_number:
            raise ValueError(f"says a {name} that this release of the command does not know")
    return json_format.MessageToDict(rest, preserving_proto_field_name=True)


def _settable(fields: Mapping[str, Any]) -> list[str]:
    return [name for name, field in fields.items() if not is_answered(field)]


def _is_table(field: Any) -> bool:
    """Whether it is one message of the contract's own; a length of time and the like are values."""
    kind = field.message_type
    return kind is not None and not field.is_repeated and kind.full_name.startswith(_OWN)


_OWN = template_pb2.DESCRIPTOR.package + "."


def _set(message: Message, field: Any, value: Any, path: tuple[str, ...], refuse: Refuse) -> None:
    if field.enum_type and isinstance(value, str):
        value = value.upper()
    alone = type(message)()
    try:
        json_format.ParseDict({field.name: value}, alone)
    except (json_format.ParseError, TypeError, ValueError) as error:
        refuse(path, _words(field, error))
    else:
        message.MergeFrom(alone)


def _words(field: Any, error: Exception) -> str:
    if field.enum_type:
        names = ", ".join(value.name for value in field.enum_type.values if value.number)
        return f"{field.name!r} is one of {names}"
    reason = str(error).removeprefix(f"Failed to parse {field.name} field: ").partition(" at ")[0]
    return f"{field.name!r} cannot be that: {reason.rstrip('.')}"
