"""A file of notifications to send, CSV or JSONL, read row by row however long it is."""

from __future__ import annotations

import csv
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.cli.batch_row import Row, bad_row, make_row

#: CSV columns that are a request's own; every other one is a variable of the template.
OWN_COLUMNS = ("user_id", "to", "template_name", "channel", "idempotency_key")
#: A column that begins so is a variable, whatever follows.
VARIABLE = "context."
BLOCK_BYTES = 1 << 20
DIGEST_DIGITS = 32

#: Number, JSON object, and why it could not be read (empty: it could).
Record = tuple[int, dict[str, Any], str]


class BadFile(Exception):
    """A file that cannot be read as what it is named; the text says why."""


class BatchFile:
    """One file; ``rows`` gives its rows. Raises :class:`BadFile`.

    ``fresh_keys``: each run's rows get keys of their own. Otherwise a row's key comes of the whole file's
    SHA-256 and the row's number, so that the same file sent again makes nothing twice.
    """

    def __init__(self, path: Path, *, fresh_keys: bool = False) -> None:
        self._path = path
        self._run = uuid.uuid4().hex if fresh_keys else _digest(path)
        self.total = sum(1 for _ in self._records())

    def rows(self, defaults: Mapping[str, str]) -> Iterator[Row]:
        """Rows in their order; ``defaults`` stand in for fields that a row leaves empty."""
        for number, record, problem in self._records():
            if problem:
                yield bad_row(number, record, problem)
            else:
                yield make_row(number, record, defaults, f"{self._run}-{number}")

    def _records(self) -> Iterator[Record]:
        read = _csv if self._path.suffix.lower() == ".csv" else _jsonl
        try:
            yield from read(self._path)
        except UnicodeDecodeError:
            raise BadFile(f"{self._path} is not UTF-8 text") from None
        except csv.Error as error:
            raise BadFile(f"{self._path}: {error}") from None


def _csv(path: Path) -> Iterator[Record]:
    with path.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines, strict=True)
        columns = reader.fieldnames or ()
        lacking = [name for name in ("user_id", "to") if name not in columns]
        if lacking:
            raise BadFile(f"{path} has no column {', '.join(lacking)}")
        for number, cells in enumerate(reader, start=1):
            fits = None not in cells and None not in cells.values()
            yield number, _csv_record(cells), "" if fits else "it has more or fewer cells than there are columns"


def _csv_record(cells: Mapping[str, str]) -> dict[str, Any]:
    """The row as JSONL would have it; cells without a column, and columns without a cell, are left out."""
    given = {name: text for name, text in cells.items() if name and text is not None}
    own = {name: text for name, text in given.items() if name in OWN_COLUMNS}
    context = {name.removeprefix(VARIABLE): text for name, text in given.items() if name not in OWN_COLUMNS}
    return {**own, "context": context}


def _jsonl(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _json_record(number, line)


def _json_record(number: int, line: str) -> Record:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return number, {}, "it is not JSON"
    return (number, record, "") if isinstance(record, dict) else (number, {}, "it is not a JSON object")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while block := content.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()[:DIGEST_DIGITS]
