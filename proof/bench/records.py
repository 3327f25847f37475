"""The null provider's records: what it was given, and when, in 24 bytes each."""

from __future__ import annotations

import os
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_ENTRY = struct.Struct(">16sQ")


class Record(NamedTuple):
    """One notification that the provider took; ``at_ns`` is nanoseconds since 1970."""

    notification_id: str
    at_ns: int


class RecordWriter:
    """Appends records to a file, one write each: what was answered is on record, whatever becomes of the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, notification_id: str, at_ns: int) -> None:
        os.write(self._file, _ENTRY.pack(uuid.UUID(notification_id).bytes, at_ns))

    def close(self) -> None:
        os.close(self._file)


def read(path: Path, start: int = 0) -> Iterator[Record]:
    """The records from the ``start``-th on, in the order in which they were made; none if there is no file yet."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(start * _ENTRY.size)
        while len(entry := file.read(_ENTRY.size)) == _ENTRY.size:
            key, at_ns = _ENTRY.unpack(entry)
            yield Record(str(uuid.UUID(bytes=key)), at_ns)


def count(path: Path) -> int:
    """How many there are."""
    return path.stat().st_size // _ENTRY.size if path.exists() else 0
