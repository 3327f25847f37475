"""Names, times and JSON objects, to and from their protobuf forms."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from pulse_client.enums import parse

#: Deepest JSON object that a gateway takes; protobuf would refuse the whole call for one much deeper.
MOST_LEVELS = 32

#: What a template's content says beside its texts, each a message of the contract.
SAID = ("email", "push", "sms", "whatsapp")

Name = TypeVar("Name", bound=StrEnum)
Kept = TypeVar("Kept", bound=Message)


def number(kind: type[StrEnum], wire: Any, text: str | None) -> Any:
    """The number of protobuf enum ``wire`` for a name, in any case; 0 if not said; ValueError if there is none."""
    if not text or text == "UNSPECIFIED":
        return 0
    return wire.Value(parse(kind, text))


def name(kind: type[Name], wire: Any, number: int) -> Name:
    """The member for a number; numbers this client does not know are UNSPECIFIED, like 0."""
    return _members(kind, wire).get(number) or kind("UNSPECIFIED")


@functools.cache
def _members(kind: type[Name], wire: Any) -> Mapping[int, Name]:
    """By their numbers: a batch has hundreds to be looked up."""
    return {number: kind(name) for name, number in wire.items() if number}


def unknown(message: Message) -> bytes:
    """What this client has no name for in a message: fields, and numbers of enumerations; mostly empty."""
    rest = type(message)()
    rest.CopyFrom(message)
    for field, value in message.ListFields():
        if field.name in SAID:
            _forget_known(rest, field.name)
        elif field.is_repeated or field.enum_type is None or value in field.enum_type.values_by_number:
            rest.ClearField(field.name)
    return rest.SerializeToString(deterministic=True)


def _forget_known(owner: Message, name: str) -> None:
    """Leaves of a field's message what this client does not know of it, and the field only if there is such a thing."""
    said = getattr(owner, name)
    for field, _ in said.ListFields():
        said.ClearField(field.name)
    if not said.ByteSize():
        owner.ClearField(name)


def said(owner: Message) -> dict[str, dict[str, Any]]:
    """What a content, or a preview, says beside its texts, as plain values by the contract's names."""
    set_fields = (name for name in SAID if name in owner.DESCRIPTOR.fields_by_name and owner.HasField(name))
    return {name: MessageToDict(getattr(owner, name), preserving_proto_field_name=True) for name in set_fields}


def with_unknown(made: Kept, rest: bytes) -> Kept:
    """A message together with what :func:`unknown` kept of another; what it says itself wins. ValueError for damage."""
    try:
        read = type(made).FromString(rest)
    except DecodeError:
        raise ValueError("what was kept of unknown fields is damaged") from None
    whole = type(made).FromString(unknown(read))
    whole.MergeFrom(made)
    return whole


def to_struct(values: Mapping[str, Any] | None) -> Struct | None:
    """A JSON object; ValueError for a value that JSON has no word for, or that no message can carry."""
    if values is None:
        return None
    if _levels(values) > MOST_LEVELS:
        raise ValueError(f"the context is nested more than {MOST_LEVELS} deep")
    made = Struct()
    try:
        made.update(values)
    except OverflowError:
        raise ValueError("the context holds a number that is too large") from None
    return made


def _levels(values: Any) -> int:
    """How deeply they are nested, looked at no deeper than matters."""
    level, inner = 0, [values]
    while level <= MOST_LEVELS and (inner := [each for each in inner if isinstance(each, Mapping | list | tuple)]):
        level += 1
        inner = [value for each in inner for value in (each.values() if isinstance(each, Mapping) else each)]
    return level


def to_timestamp(moment: dt.datetime | None) -> Timestamp | None:
    """A moment; ValueError for a naive one, whose zone could only be guessed, or one outside the years 1 to 9999."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("give times with a time zone: datetime.now(timezone.utc), say")
    made = Timestamp()
    try:
        made.FromDatetime(moment)
    except OverflowError:
        raise ValueError("times lie in the years 1 to 9999 in UTC") from None
    return made


def to_duration(length: dt.timedelta | None) -> Duration | None:
    """A length of time."""
    if length is None:
        return None
    made = Duration()
    made.FromTimedelta(length)
    return made


def time(owner: Message, field: str) -> dt.datetime | None:
    """A timestamp field, aware, in UTC; None if it is not set."""
    return getattr(owner, field).ToDatetime(tzinfo=dt.UTC) if owner.HasField(field) else None


def length(owner: Message, field: str) -> dt.timedelta | None:
    """A duration field; None if it is not set."""
    return getattr(owner, field).ToTimedelta() if owner.HasField(field) else None
