"""Memory that is free goes back to the machine: the C library keeps what a burst took, for the next, for ever."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
from pathlib import Path

#: How often it is looked at, s.
LOOK_SECONDS = 2.0
#: What a process may have grown by since it last gave back, bytes, before it is worth the search for free pages.
WORTH_BYTES = 32 * 1024 * 1024

_PAGE = 4096


class SpareMemory:
    """Gives back, as long as it runs. Where the C library is not glibc, or there is no /proc, it does nothing."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._kept = 0
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """From now on; needs a running loop."""
        if hasattr(self._library, "malloc_trim") and _STATM.exists():
            self._kept = _resident()
            self._looking = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """No more."""
        if self._looking:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = _resident()
            if now > self._kept + WORTH_BYTES:
                # In a thread, as it takes the longer the more there is; ctypes lets go of the interpreter meanwhile.
                await asyncio.to_thread(self._library.malloc_trim, 0)
                now = _resident()
            self._kept = now


_STATM = Path("/proc/self/statm")


def _resident() -> int:
    return int(_STATM.read_text().split()[1]) * _PAGE
