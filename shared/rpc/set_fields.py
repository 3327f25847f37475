"""Some fields of a message by their names, where it is read too often for ``ListFields``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message


class SetFields:
    """Reads the named fields of one kind of message."""

    def __init__(self, kind: Descriptor, names: Iterable[str]) -> None:
        fields = [kind.fields_by_name[name] for name in sorted(names)]
        self._told_apart = [field.name for field in fields if field.has_presence]
        self._others = [field.name for field in fields if not field.has_presence]

    def of(self, message: Message) -> dict[str, Any]:
        """Those that are set, as ``ListFields`` has it: what has no presence counts as set unless it is empty or 0."""
        found = {name: value for name in self._others if (value := getattr(message, name))}
        for name in self._told_apart:
            if message.HasField(name):
                found[name] = getattr(message, name)
        return found
