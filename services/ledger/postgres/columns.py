"""Batches as columns: each column one array in PostgreSQL's binary form, or one value where all rows have the same.

Measured, both ends work less for that than for one JSON text of the same rows, and for what is alike hardly at all. A
single row is a JSON text all the same: to say thirty values one by one costs the client more than PostgreSQL spares.

The text of a statement depends on which columns are alike, so statements are made for the shapes that there are, and
PostgreSQL keeps the plans of those that come often.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg.adapt import Dumper
from psycopg.pq import Format
from pydantic_core import to_json

_HEADER = struct.Struct("!iiiii")
_NULL = b"\xff\xff\xff\xff"
_UUID = b"\0\0\0\x10"
_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, eq=False)
class Kind:
    """How values of a column travel: as which type of PostgreSQL's, and as which bytes, their length first."""

    type: str
    oid: int
    packed: Callable[[Any], bytes]
    #: What makes the column's value of one, in SQL.
    made: str = "{}"
    #: How it is told in JSON.
    as_json: Callable[[Any], Any] = lambda value: value

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


def _json(value: Any) -> bytes:
    return _bytes(to_json(value))


_int8 = _fixed("q")


def _time(value: dt.datetime) -> bytes:
    return _int8((value - _EPOCH) // _MICROSECOND)


def _uuid(value: str) -> bytes:
    return _UUID + bytes.fromhex(value.replace("-", ""))


TEXT = Kind("text", 25, _text)
BYTES = Kind("bytea", 17, _bytes, as_json=lambda value: f"\\x{value.hex()}")
UUID = Kind("uuid", 2950, _uuid)
INTEGER = Kind("integer", 23, _fixed("i"))
BIGINT = Kind("bigint", 20, _int8)
DOUBLE = Kind("double precision", 701, _fixed("d"))
BOOLEAN = Kind("boolean", 16, _fixed("?"))
TIME = Kind("timestamptz", 1184, _time)
#: Whatever can be written as JSON.
JSON = Kind("text", 25, _json, "{}::json")
JSONB = replace(JSON, made="{}::jsonb")
#: A list of texts, which travels as JSON.
TEXTS = replace(JSON, made="CASE WHEN {0} IS NOT NULL THEN ARRAY(SELECT json_array_elements_text({0}::json)) END")


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
    """Columns of a batch, in order: each one's name and kind, and whether it is told by row or once for all."""

    #: Before the numbers that its parameters are called by: a statement may take several batches.
    prefix: str
    columns: tuple[tuple[str, Kind, bool], ...]
    #: One row, told as JSON.
    is_single: bool

    @property
    def source(self) -> str:
        """What a statement selects from: for each row of the batch one of what is told by row."""
        if self.is_single:
            names = ", ".join(f"{name} {kind.type}" for name, kind, _ in self.columns)
            return f"json_to_record(%({self.prefix}row)s::json) r({names})"
        by_row = [(number, name, kind) for number, (name, kind, is_by_row) in enumerate(self.columns) if is_by_row]
        arrays = ", ".join(f"%({self.prefix}{number})s::{kind.type}[]" for number, _, kind in by_row)
        return f"unnest({arrays}) r({', '.join(name for _, name, _ in by_row)})"

    @property
    def values(self) -> dict[str, str]:
        """By column's name its value in a row of the source, in SQL."""
        return {
            name: kind.made.format(f"r.{name}" if is_by_row else f"%({self.prefix}{number})s::{kind.type}")
            for number, (name, kind, is_by_row) in enumerate(self.columns)
        }


class Batch(NamedTuple):
    """A batch as columns."""

    shape: Shape
    parameters: Mapping[str, Packed | str | None]


#: Name, kind and values by row.
Column = tuple[str, Kind, Sequence[Any]]


def batch(prefix: str, own: Sequence[Column], *groups: Sequence[Column]) -> Batch:
    """Of columns of one length: ``own`` are told by row, those of a group are where any of it differs.

    A statement is planned for each shape that comes: columns that often differ together belong together. A row's key is
    its own, also where all have the same tenant: named beside the rows, that might have PostgreSQL walk through all
    that the tenant has.
    """
    if len(own[0][2]) == 1:
        return _single(prefix, [column for group in (own, *groups) for column in group])
    columns: list[tuple[str, Kind, bool]] = []
    parameters: dict[str, Packed | None] = {}
    for group, is_own in ((own, True), *((group, False) for group in groups)):
        is_by_row = is_own or any(values.count(values[0]) != len(values) for _, _, values in group)
        for name, kind, values in group:
            parameters[f"{prefix}{len(columns)}"] = array(kind, values) if is_by_row else _one(kind, values[0])
            columns.append((name, kind, is_by_row))
    return Batch(Shape(prefix, tuple(columns), is_single=False), parameters)


def _single(prefix: str, columns: Sequence[Column]) -> Batch:
    row = {name: kind.as_json(values[0]) for name, kind, values in columns if values[0] is not None}
    shape = Shape(prefix, tuple((name, kind, True) for name, kind, _ in columns), is_single=True)
    return Batch(shape, {f"{prefix}row": to_json(row).decode()})


def _one(kind: Kind, value: Any) -> Packed | None:
    return None if value is None else Packed(kind.packed(value)[4:])


def array(kind: Kind, values: Sequence[Any]) -> Packed:
    """An array of values of one kind, None for NULL."""
    packed = kind.packed
    elements = [_NULL if value is None else packed(value) for value in values]
    # As array_recv reads it (PostgreSQL's utils/adt/arrayfuncs.c): dimensions, whether there are NULLs, the elements'
    # type, and of the one dimension its size and first index.
    return Packed(_HEADER.pack(1, int(None in values), kind.oid, len(elements), 1) + b"".join(elements))
