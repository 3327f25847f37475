"""Values that are fetched when they are first wanted, and kept for their next use."""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from shared.kept import Kept

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Fetched(Generic[Key, Value]):
    """Those used last, within :class:`Kept`'s bounds. Those who miss the same one at the same time share one fetch.

    A value is fetched again after ``fresh_seconds``, by default never. A failure is not kept. A fetch runs in the
    context that ``context`` gives, by default that of who asked first.
    """

    def __init__(
        self,
        fetch: Callable[[Key], Coroutine[Any, Any, Value]],
        most: int,
        most_bytes: int,
        weigh: Callable[[Value], int],
        *,
        fresh_seconds: float = math.inf,
        monotonic: Callable[[], float] = time.monotonic,
        context: Callable[[], contextvars.Context] = contextvars.copy_context,
    ) -> None:
        self._fetch = fetch
        self._fresh_seconds = fresh_seconds
        self._monotonic = monotonic
        self._context = context
        self._kept: Kept[Key, tuple[float, Value]] = Kept(most, most_bytes, lambda kept: weigh(kept[1]))
        self._under_way: dict[Key, asyncio.Task[Value]] = {}

    def kept(self, key: Key) -> Value | None:
        """The value, if it need not be fetched."""
        kept = self._kept.get(key)
        return kept[1] if kept is not None and self._monotonic() - kept[0] < self._fresh_seconds else None

    async def get(self, key: Key) -> Value:
        """The value; raises what fetching it raises."""
        kept = self.kept(key)
        if kept is not None:
            return kept
        # Shielded: one that gives up must not take the fetch from the others.
        return await asyncio.shield(self._under_way.get(key) or self._begin(key))

    def forget(self, key: Key) -> None:
        """Drops a value that was changed, and what is just being fetched of it."""
        self._kept.pop(key)
        self._under_way.pop(key, None)

    def _begin(self, key: Key) -> asyncio.Task[Value]:
        task = asyncio.create_task(self._fetch(key), context=self._context())
        self._under_way[key] = task
        task.add_done_callback(lambda done: self._keep(key, done))
        return task

    def _keep(self, key: Key, done: asyncio.Task[Value]) -> None:
        """Keeps what was fetched, unless it was forgotten while that was under way."""
        failed = done.cancelled() or done.exception() is not None
        if self._under_way.get(key) is not done:
            return
        del self._under_way[key]
        if failed:
            self._kept.pop(key)
        else:
            self._kept.put(key, (self._monotonic(), done.result()))
