"""Inbox: the index, in memory, of the receipts that the API can list."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple


class Entry(NamedTuple):
    """Where a receipt stands in the log, and what it can be found by."""

    id: int
    channel: str
    to: str
    notification_id: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Query:
    """Which receipts are wanted; an empty text means any.

    ``after`` goes on behind that id in the order asked for: to later ones, or with ``newest_first`` to earlier ones.
    """

    channel: str = ""
    to: str = ""
    to_contains: str = ""
    notification_id: str = ""
    after: int | None = None
    newest_first: bool = False

    def wants(self, entry: Entry) -> bool:
        """Whether the entry is one of those; recipients compare without regard to case."""
        return (
            (not self.channel or entry.channel == self.channel)
            and (not self.notification_id or entry.notification_id == self.notification_id)
            and (not self.to or entry.to.lower() == self.to.lower())
            and (not self.to_contains or self.to_contains.lower() in entry.to.lower())
        )


class Inbox:
    """The newest ``keep`` entries in the order of their ids, and the count of all that ever came since a clear."""

    def __init__(self, keep: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=keep)
        self._counts: Counter[str] = Counter()

    @property
    def keep(self) -> int:
        """How many entries are kept at most."""
        return self._entries.maxlen or 0

    def add(self, entry: Entry) -> None:
        """Adds the newest entry; the oldest makes room when the inbox is full."""
        self._entries.append(entry)
        self._counts[entry.channel] += 1

    def restore(self, entries: list[Entry], counts: Counter[str]) -> None:
        """Replaces the contents by what a log held: the newest entries, and how many receipts of each channel."""
        self._entries.clear()
        self._entries.extend(entries)
        self._counts = Counter(counts)

    def clear(self) -> None:
        """Forgets all."""
        self._entries.clear()
        self._counts.clear()

    def count(self, channel: str = "") -> int:
        """Receipts of one channel, or of all: every one in the log, not only those kept here."""
        return self._counts[channel] if channel else self._counts.total()

    def select(self, query: Query, limit: int) -> tuple[list[Entry], bool]:
        """At most ``limit`` entries, and whether more follow them."""
        found = list(islice(filter(query.wants, self._walk(query)), limit + 1))
        return found[:limit], len(found) > limit

    def find(self, receipt_id: int) -> Entry | None:
        """The entry with that id, or None."""
        place = bisect_left(self._entries, receipt_id, key=_by_id)
        if place < len(self._entries) and self._entries[place].id == receipt_id:
            return self._entries[place]
        return None

    def _walk(self, query: Query) -> Iterator[Entry]:
        size = len(self._entries)
        if query.newest_first:
            end = size if query.after is None else bisect_left(self._entries, query.after, key=_by_id)
            return islice(reversed(self._entries), size - end, None)
        start = 0 if query.after is None else bisect_right(self._entries, query.after, key=_by_id)
        return islice(self._entries, start, None)


def _by_id(entry: Entry) -> int:
    return entry.id
