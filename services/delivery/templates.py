"""Compiled templates, kept: a version never changes."""

from __future__ import annotations

import asyncio
import contextvars
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from shared.rendering import CompiledTemplate

Key = tuple[str, str, int]  # tenant id, name, version
Fetch = Callable[[str, str, int], Awaitable[CompiledTemplate]]


class TemplateCache:
    """The ``size`` templates used last; those who miss the same one at the same time share one fetch."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._kept: OrderedDict[Key, CompiledTemplate] = OrderedDict()
        self._fetching: dict[Key, asyncio.Future[CompiledTemplate]] = {}

    async def get(self, tenant_id: str, name: str, version: int) -> CompiledTemplate:
        """Raises what fetching raises; a failure is not kept."""
        key = (tenant_id, name, version)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        fetching = self._fetching.get(key)
        if fetching is None:
            fetching = asyncio.create_task(self._fetch_and_keep(key), context=contextvars.Context())
            self._fetching[key] = fetching
            fetching.add_done_callback(lambda _: self._fetching.pop(key))
        return await asyncio.shield(fetching)  # one that gives up must not take it from the others

    async def _fetch_and_keep(self, key: Key) -> CompiledTemplate:
        template = await self._fetch(*key)
        self._kept[key] = template
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return template
