"""A file of notifications to send, CSV or JSON Lines, read row by row however long it is."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from services.cli.batch import csv_rows, json_rows
from services.cli.batch.row import Row, bad_row, make_row
from services.cli.batch.text import BadFile, opened

__all__ = ["BadFile", "BatchFile"]

CSV, JSONL = (".csv", ".tsv"), (".jsonl", ".ndjson", ".json")
BLOCK_BYTES = 1 << 20
DIGEST_DIGITS = 32


class BatchFile:
    """One file; ``rows`` gives its rows. Raises :class:`BadFile`.

    ``fresh_keys``: each run's rows get keys of their own. Otherwise a row's key comes of the whole file's
    SHA-256 and the row's number, so that the same file sent again makes nothing twice. ``channel``: that of rows that
    name none; empty: the template's.
    """

    def __init__(self, path: Path, *, fresh_keys: bool = False, channel: str = "") -> None:
        self._path = path
        self._read = json_rows.read if _is_jsonl(path) else partial(csv_rows.read, channel=channel)
        self._run = uuid.uuid4().hex if fresh_keys else _digest(path)
        self.total = sum(1 for _ in self._read(path))

    def rows(self, defaults: Mapping[str, str]) -> Iterator[Row]:
        """Rows in their order; ``defaults`` stand in for fields that a row leaves empty."""
        for number, fields, problem in self._read(self._path):
            if problem:
                yield bad_row(number, fields, problem)
            else:
                yield make_row(number, fields, defaults, f"{self._run}-{number}")


def _is_jsonl(path: Path) -> bool:
    """By its name, or else by how it begins."""
    if path.suffix.lower() in (*CSV, *JSONL):
        return path.suffix.lower() in JSONL
    with opened(path) as text:
        return text.read(BLOCK_BYTES).lstrip().startswith(("{", "["))


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while block := content.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()[:DIGEST_DIGITS]
