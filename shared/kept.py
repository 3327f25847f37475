"""Values that are kept for their next use, as long as there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Those used last: at most ``most`` of them, of at most ``most_bytes`` together as ``weigh`` has them."""

    def __init__(self, most: int, most_bytes: int, weigh: Callable[[Value], int]) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._weigh = weigh
        self._values: OrderedDict[Key, tuple[int, Value]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """The value, which so is the one used last."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[1]

    def put(self, key: Key, value: Value) -> None:
        """Keeps a value in place of the key's last; those used longest ago go, and this one too if it is too large."""
        self.pop(key)
        weight = self._weigh(value)
        self._values[key] = (weight, value)
        self.bytes += weight
        while len(self._values) > self._most or self.bytes > self._most_bytes:
            _, (gone, _) = self._values.popitem(last=False)
            self.bytes -= gone

    def pop(self, key: Key) -> None:
        """Forgets a value."""
        weight, _ = self._values.pop(key, (0, None))
        self.bytes -= weight
