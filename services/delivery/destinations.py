"""Where destinations lead, fetched from the ledger when they are wanted and believed for a moment.

They come and stay encrypted: a provider opens them when it calls.
"""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable

from shared.fetched import Fetched

Key = tuple[str, str]  # tenant id, name
Fetch = Callable[[str, str], Awaitable[bytes]]

#: Destinations that are remembered, and their bytes.
_MOST, _MOST_BYTES = 4096, 4 * 2**20
#: How long one is believed, s: whoever sets another address sees it used within that time.
FRESH_SECONDS = 5.0


class Destinations:
    """Those used last."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._fetched: Fetched[Key, bytes] = Fetched(
            self._one, _MOST, _MOST_BYTES, len, fresh_seconds=FRESH_SECONDS, context=contextvars.Context
        )

    async def get(self, tenant_id: str, name: str) -> bytes:
        """Where it leads, encrypted; raises what fetching it raises."""
        return await self._fetched.get((tenant_id, name))

    async def _one(self, key: Key) -> bytes:
        return await self._fetch(*key)
