"""What the columns of a CSV file mean: fields of a request, labels and variables of the template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.cli.batch.row import BOOLEANS, LISTS, OBJECTS, TEXTS, TIMES
from shared.channel.table import needs_address

#: Columns that are a request's own; every other one is a variable of the template.
OWN = (*TEXTS, *TIMES, *BOOLEANS)
#: A column that begins so is an entry of that object, whatever follows.
OBJECT_COLUMNS = tuple(f"{name}." for name in OBJECTS)
#: What fields are called elsewhere. As variables they would be lost, and the notification would go at once.
MISTAKEN = {
    "scheduleat": "send_at",
    "scheduledat": "send_at",
    "scheduledfor": "send_at",
    "sendafter": "send_at",
    "notbefore": "send_at",
    "expiresin": "ttl",
    "expireat": "expires_at",
    "dryrun": "validate_only",
    "template": "template_name",
    **{name.replace("_", ""): name for name in OWN},
}


class Columns:
    """The columns of one file, in their order; an empty name is a column without one.

    ``channel``: that of rows that name none; empty: the template's.
    """

    def __init__(self, names: Sequence[str], channel: str = "") -> None:
        self._names = [name.strip() for name in names]
        # Where rows say their channels, each is looked at by itself: a push needs no address.
        may_lack_to = "channel" in self._names or not needs_address(channel)
        self._required = ("user_id",) if may_lack_to else ("user_id", "to")

    def __len__(self) -> int:
        return len(self._names)

    @property
    def problem(self) -> str:
        """Why the file cannot be read by them, in one sentence; empty: it can."""
        for name in self._names:
            if meant := self._meant(name):
                return f"has a column {name!r}, which looks like {meant}: call it so, or context.{name} for a variable"
            if name in OBJECTS or name in LISTS:
                inner = f"write columns {name}.NAME" if name in OBJECTS else "write JSON Lines"
                return f"has a column {name!r}, which no cell can hold: {inner}"
        missing = [name for name in self._required if name not in self._names]
        if missing:
            return f"has no column {', '.join(missing)}: its first line must name the columns, separated by commas"
        places = [self._place(name) for name in self._names if name]
        twice = sorted({name for group, name in places if places.count((group, name)) > 1})
        return f"has more than one column {', '.join(map(repr, twice))}: which of them counts?" if twice else ""

    def record(self, cells: Sequence[str]) -> dict[str, Any]:
        """The row as JSON Lines would have it, without what is empty among the request's own fields."""
        record: dict[str, Any] = {name: {} for name in OBJECTS}
        for name, cell in zip(self._names, cells, strict=False):
            group, inner = self._place(name)
            if group:
                record[group][inner] = cell
            elif name and cell.strip():
                record[name] = cell.strip()
        return {name: value for name, value in record.items() if value or name == "context"}

    def misfit(self, cells: Sequence[str]) -> str:
        """Why the cells cannot stand under the columns; empty: they can. Empty cells too many are no misfit."""
        if len(cells) < len(self._names):
            return f"it has {len(cells)} cells for {len(self._names)} columns"
        beyond = [cell for name, cell in zip([*self._names, *[""] * len(cells)], cells, strict=False) if not name]
        return "it has a cell under no column" if any(cell.strip() for cell in beyond) else ""

    @staticmethod
    def _place(name: str) -> tuple[str, str]:
        """The object that a column is an entry of, "" for a field of the request, and its name there."""
        for prefix in OBJECT_COLUMNS:
            if name.startswith(prefix):
                return prefix.removesuffix("."), name.removeprefix(prefix)
        return ("", name) if name in OWN or not name else ("context", name)

    @staticmethod
    def _meant(name: str) -> str:
        """The field that a column's name stands for in other words or letters; empty: none, or it is that."""
        plain = name.lower().translate(dict.fromkeys(map(ord, " _-.")))
        meant = MISTAKEN.get(plain, "")
        return meant if meant != name and not name.startswith(OBJECT_COLUMNS) else ""
