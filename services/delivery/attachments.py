"""A notification's files, fetched from the ledger when they are wanted and kept for the next that names them.

They are kept as they travel: in base64, which is made beside the loop.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from services.delivery.rules.provider import File
from services.delivery.rules.room import Room
from shared.fetched import Fetched
from shared.saying.said import Said

Key = tuple[str, str]  # tenant id, attachment id
Fetch = Callable[[str, str], Awaitable[bytes]]

#: Files that are remembered, and their bytes.
_MOST, _MOST_BYTES = 256, 64 * 2**20
#: Files that are fetched at a time, each of 10 MiB at the most.
_AT_A_TIME = 4
#: What the files of mails under way weigh together, bytes: an email is put together whole.
_MOST_IN_HAND = 48 * 2**20


class Attachments:
    """Those used last."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._room = Room(_MOST_IN_HAND)
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        self._fetched: Fetched[Key, bytes] = Fetched(
            self._encoded, _MOST, _MOST_BYTES, len, context=contextvars.Context
        )

    async def of(self, tenant_id: str, said: Said) -> list[File]:
        """The files that a mail carries; raises what fetching them raises."""
        return [
            File(one.filename, one.content_type, one.inline_id, await self._fetched.get((tenant_id, one.attachment_id)))
            for one in said.attachments
            if not one.as_link
        ]

    @contextlib.asynccontextmanager
    async def in_hand(self, said: Mapping[str, Any]) -> AsyncIterator[None]:
        """Waits until there is room for the files that a claim names, and holds it until the block ends."""
        carried = (one for one in said.get("attachments", ()) if not one.get("as_link"))
        wanted = min(sum(one.get("size", 0) for one in carried), _MOST_IN_HAND)
        if wanted:
            await self._room.reserve(wanted)
        try:
            yield
        finally:
            if wanted:
                self._room.release(wanted)

    async def _encoded(self, key: Key) -> bytes:
        async with self._turns:
            content = await self._fetch(*key)
        return await asyncio.to_thread(encoded, content)


def encoded(content: bytes) -> bytes:
    """In base64, in lines of 76 signs that end in CR LF (RFC 2045, section 6.8)."""
    return base64.encodebytes(content).replace(b"\n", b"\r\n")
