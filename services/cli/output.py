"""What goes where: answers to standard output, everything else to standard error."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Where nobody looks on, rows are not folded to the width of a screen, columns.
PIPE_WIDTH = 1000


def say(text: str) -> None:
    """A sentence for whoever typed the command."""
    print(text, file=sys.stderr)


def fail(text: str, status: int = 1) -> NoReturn:
    """The sentence that ends the command, with this exit status: 2 if what was typed or given has to change."""
    say(f"pulse: {printable(text)}")
    raise SystemExit(status)


def print_json(value: Any) -> None:
    """Indented JSON; dataclasses become objects, times RFC 3339, lengths of time seconds, bytes base64."""
    print(to_json(value, indent=2))


def to_json(value: Any, indent: int | None = None) -> str:
    """As :func:`print_json`, on one line unless ``indent`` is given."""
    return json.dumps(value, default=_plain_json, indent=indent, ensure_ascii=False)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns, plain text, cells as they are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table)


def print_fields(fields: Mapping[str, object]) -> None:
    """Names and values below one another, empty ones left out."""
    shown = {name: printable(value) for name, value in fields.items() if value not in (None, "", {})}
    widest = max(map(len, shown), default=0)
    for name, value in shown.items():
        print(f"{name:<{widest}}  {value}")


def printable(value: object) -> str:
    """One line of text. What a terminal could take for a command is replaced: values come from outside."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        with suppress(OverflowError):  # the first and the last hours of the calendar stay in UTC
            value = value.astimezone()
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, dt.timedelta):
        return f"{value.total_seconds():.3g} s"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value))


def _is_told(value: Any, field: dataclasses.Field[Any]) -> bool:
    """What a newer gateway said besides is told only where there is such a thing."""
    return field.name != "unknown" or bool(value.unknown)


def _plain_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if _is_told(value, field)}
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, dt.date | Decimal):
        return f"{value}" if isinstance(value, dt.date) else f"{value:f}"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")
