"""Compiled templates, kept: a version never changes."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable

from shared.fetched import Fetched
from shared.text.rendering import CompiledTemplate
from shared.turns import Turns

Key = tuple[str, str, int]  # tenant id, name, version
Fetch = Callable[[str, str, int], Awaitable[CompiledTemplate]]


class TemplateCache:
    """The templates used last, at most ``size`` of them and ``most_bytes`` in memory."""

    def __init__(self, fetch: Fetch, size: int, most_bytes: int = 64 * 2**20) -> None:
        async def fetch_key(key: Key) -> CompiledTemplate:
            return await fetch(*key)

        self._fetched: Fetched[Key, CompiledTemplate] = Fetched(
            fetch_key, size, most_bytes, lambda template: template.weight, context=contextvars.Context
        )
        #: In which those are rendered that may take long.
        self.turns = Turns()

    async def get(self, tenant_id: str, name: str, version: int) -> CompiledTemplate:
        """Raises what fetching raises."""
        return await self._fetched.get((tenant_id, name, version))
