"""Compiled templates, kept: a version never changes."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable

from shared.kept import Kept
from shared.text.rendering import CompiledTemplate
from shared.turns import Turns

Key = tuple[str, str, int]  # tenant id, name, version
Fetch = Callable[[str, str, int], Awaitable[CompiledTemplate]]


class TemplateCache:
    """The templates used last, at most ``size`` of them and ``most_bytes`` in memory.

    Those who miss the same one at the same time share one fetch.
    """

    def __init__(self, fetch: Fetch, size: int, most_bytes: int = 64 * 2**20) -> None:
        self._fetch = fetch
        self._kept: Kept[Key, CompiledTemplate] = Kept(size, most_bytes, lambda template: template.weight)
        #: In which those are rendered that may take long.
        self.turns = Turns()
        self._fetching: dict[Key, asyncio.Future[CompiledTemplate]] = {}

    async def get(self, tenant_id: str, name: str, version: int) -> CompiledTemplate:
        """Raises what fetching raises; a failure is not kept."""
        key = (tenant_id, name, version)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        fetching = self._fetching.get(key)
        if fetching is None:
            fetching = asyncio.create_task(self._fetch_and_keep(key), context=contextvars.Context())
            self._fetching[key] = fetching
            fetching.add_done_callback(lambda _: self._fetching.pop(key))
        return await asyncio.shield(fetching)  # one that gives up must not take it from the others

    async def _fetch_and_keep(self, key: Key) -> CompiledTemplate:
        template = await self._fetch(*key)
        self._kept.put(key, template)
        return template
