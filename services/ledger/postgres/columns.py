"""Batches as columns: each column one array in PostgreSQL's binary form, or one value where all rows have the same.

Measured, both ends work less for that than for one JSON text of the same rows, and for what is alike hardly at all. The
text of a statement depends on which columns are alike, so statements are made for the shapes that there are, and
PostgreSQL keeps the plans of those that come often.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = struct.Struct("!iiiii")
_NULL = b"\xff\xff\xff\xff"
_UUID = b"\0\0\0\x10"
_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_KEY = frozenset({"tenant_id", "notification_id"})
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, eq=False)
class Kind:
    """How values of a column travel: as which type of PostgreSQL's, and as which bytes, their length first."""

    type: str
    oid: int
    packed: Callable[[Any], bytes]
    #: What makes the column's value of one, in SQL.
    made: str = "{}"

    def as_(self, type_: str) -> Kind:
        """The same, made into another type by PostgreSQL."""
        return replace(self, made=f"{self.made}::{type_}")


def _text(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def _bytes(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _fixed(layout: str) -> Callable[[Any], bytes]:
    pack, size = struct.Struct(f"!i{layout}").pack, struct.calcsize(f"!{layout}")
    return lambda value: pack(size, value)


_int8 = _fixed("q")


def _time(value: dt.datetime) -> bytes:
    return _int8((value - _EPOCH) // _MICROSECOND)


def _uuid(value: str) -> bytes:
    return _UUID + bytes.fromhex(value.replace("-", ""))


TEXT = Kind("text", 25, _text)
BYTES = Kind("bytea", 17, _bytes)
UUID = Kind("uuid", 2950, _uuid)
INTEGER = Kind("integer", 23, _fixed("i"))
BIGINT = Kind("bigint", 20, _int8)
DOUBLE = Kind("double precision", 701, _fixed("d"))
BOOLEAN = Kind("boolean", 16, _fixed("?"))
TIME = Kind("timestamptz", 1184, _time)
JSON = TEXT.as_("json")
#: A JSON array of texts, made an array; NULL stays NULL.
TEXTS = replace(TEXT, made="CASE WHEN {0} IS NOT NULL THEN ARRAY(SELECT json_array_elements_text({0}::json)) END")


class Packed(NamedTuple):
    """A parameter in PostgreSQL's binary form, of the type that the statement says."""

    data: bytes


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Packed) -> bytes:
        return obj.data


def register(connection: AsyncConnection[Any]) -> None:
    """Lets a connection send :class:`Packed`."""
    connection.adapters.register_dumper(Packed, _PackedDumper)


class Shape(NamedTuple):
    """Columns of a batch by name and kind: those that are alike in all its rows, and those that differ."""

    #: Before the names of its parameters: a statement may take several batches.
    prefix: str
    alike: tuple[tuple[str, Kind], ...]
    differing: tuple[tuple[str, Kind], ...]

    @property
    def source(self) -> str:
        """What a statement selects from: a row of what differs for each row of the batch."""
        arrays = ", ".join(f"%({self.prefix}{name})s::{kind.type}[]" for name, kind in self.differing)
        return f"unnest({arrays}) AS r({', '.join(name for name, _ in self.differing)})"

    @property
    def values(self) -> dict[str, str]:
        """By column's name its value in a row of the source, in SQL."""
        same = {name: kind.made.format(f"%({self.prefix}{name})s::{kind.type}") for name, kind in self.alike}
        return same | {name: kind.made.format(f"r.{name}") for name, kind in self.differing}


class Batch(NamedTuple):
    """A batch as columns."""

    shape: Shape
    parameters: Mapping[str, Packed | None]


def batch(prefix: str, columns: Iterable[tuple[str, Kind, Sequence[Any]]]) -> Batch:
    """Of columns of one length, each its name, kind and values.

    A row's key is always told by row: a statement that names the tenant beside the rows might be planned as a walk
    through all that the tenant has.
    """
    alike, differing, parameters = [], [], dict[str, Packed | None]()
    for name, kind, values in columns:
        if name in _KEY or values.count(values[0]) != len(values):
            differing.append((name, kind))
            parameters[prefix + name] = array(kind, values)
        else:
            alike.append((name, kind))
            parameters[prefix + name] = None if values[0] is None else Packed(kind.packed(values[0])[4:])
    return Batch(Shape(prefix, tuple(alike), tuple(differing)), parameters)


def array(kind: Kind, values: Sequence[Any]) -> Packed:
    """An array of values of one kind, None for NULL."""
    packed = kind.packed
    elements = [_NULL if value is None else packed(value) for value in values]
    # As array_recv reads it (PostgreSQL's utils/adt/arrayfuncs.c): dimensions, whether there are NULLs, the elements'
    # type, and of the one dimension its size and first index.
    return Packed(_HEADER.pack(1, int(None in values), kind.oid, len(elements), 1) + b"".join(elements))
