"""Rows of a CSV file: separated by commas, or by what its first line is separated by."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from services.cli.batch.columns import Columns
from services.cli.batch.record import Record
from services.cli.batch.text import BadFile, opened, unreadable

SEPARATORS = (",", ";", "\t", "|")
#: How a spreadsheet says what separates its cells, in a first line of its own.
_SEPARATED_BY = re.compile(r'"?sep=(.)"?\s*')


class _Lines:
    """A file's lines, of which those behind a row's first can be taken back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._row: list[str] = []
        self._again: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._row.append(line)
        return line

    def end_row(self, *, take_back: bool) -> None:
        """The row has ended; a quotation mark that nothing closes must not swallow the rows behind it."""
        if take_back:
            self._again.extendleft(reversed(self._row[1:]))
        self._row.clear()


def read(path: Path, channel: str = "") -> Iterator[Record]:
    """Every row but blank ones, numbered from 1; empty lines do not count. Raises :class:`BadFile`.

    ``channel``: as of :class:`services.cli.batch.columns.Columns`.
    """
    with opened(path) as text:
        lines = _Lines(iter(text))
        columns, separator = _columns(path, lines, channel)
        number = 0
        for cells in _rows(lines, separator):
            number += cells != []
            if isinstance(cells, csv.Error):
                yield Record(number, {}, f"it is not CSV: {cells}")
            elif any(cell.strip() for cell in cells):
                problem = columns.misfit(cells) or ("it is not UTF-8 text" if any(map(unreadable, cells)) else "")
                yield Record(number, columns.record(cells), problem)


def _rows(lines: _Lines, separator: str) -> Iterator[list[str] | csv.Error]:
    """Each row's cells, or why it has none."""
    rows = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        try:
            cells: list[str] | csv.Error = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            cells = error
        lines.end_row(take_back=isinstance(cells, csv.Error))
        yield cells


def _columns(path: Path, lines: _Lines, channel: str) -> tuple[Columns, str]:
    """The columns by the first line, and what separates them."""
    first = next(lines, "")
    said = _SEPARATED_BY.fullmatch(first)
    if said:
        first = next(lines, "")
    lines.end_row(take_back=False)
    if unreadable(first):
        raise BadFile(f"{path} is not UTF-8 text: save it as CSV UTF-8")
    separators = said[1] if said else SEPARATORS
    found = {separator: Columns(_cells(first, separator), channel) for separator in separators}
    for separator, columns in found.items():
        if not columns.problem:
            return columns, separator
    # What is wrong is told of the separator that finds the most columns.
    columns = max(found.values(), key=len)
    raise BadFile(f"{path} {columns.problem}")


def _cells(line: str, separator: str) -> list[str]:
    """The line's cells; empty if it is not CSV by that separator, as a line in quotation marks is by another one."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return []
