"""Rows of a JSON Lines file: an object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from services.cli.batch.record import Record
from services.cli.batch.text import BadFile, opened, unreadable
from shared.strict_json import BadJson, loads


def read(path: Path) -> Iterator[Record]:
    """Every line but blank ones, numbered from 1. Raises :class:`BadFile`."""
    with opened(path) as lines:
        for number, line in enumerate(lines, start=1):
            if number == 1 and line.lstrip().startswith("["):
                raise BadFile(f"{path} is a JSON array: write its objects one to a line, without brackets and commas")
            if line.strip():
                yield _record(number, line)


def _record(number: int, line: str) -> Record:
    if unreadable(line):
        return Record(number, {}, "it is not UTF-8 text")
    try:
        value = loads(line)
    except BadJson as error:
        return Record(number, {}, f"it is not JSON: {error}")
    return Record(number, value) if isinstance(value, dict) else Record(number, {}, "it is not a JSON object")
