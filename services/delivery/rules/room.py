"""Room: how many claims a worker may have in hand."""

from __future__ import annotations

import asyncio
from collections import deque


class RoomClosed(Exception):
    """The worker stops: it takes nothing more."""


class Room:
    """Places for ``capacity`` claims, given out in the order of asking."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._aside = 0
        self._asking: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._closed = False

    @property
    def taken(self) -> int:
        """Places given out, without those that are only set aside."""
        return self._capacity - self._free - self._aside

    @property
    def spare(self) -> int:
        """Places that nobody has and nobody waits for."""
        return 0 if self._closed or self._asking else self._free

    def set_aside(self, places: int) -> None:
        """Keeps so many that are :attr:`spare` for what may come."""
        self._free -= places
        self._aside += places

    def use(self, places: int) -> None:
        """So many that were set aside are given out."""
        self._aside -= places

    async def reserve(self, places: int) -> None:
        """Waits for ``places``, at most the capacity; raises :class:`RoomClosed`."""
        if self._closed:
            raise RoomClosed
        if not self._asking and places <= self._free:
            self._free -= places
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.append((places, given))
        try:
            await given
        except asyncio.CancelledError:
            # Nobody will use, or give back, what was given meanwhile; and who asks no more holds nobody up.
            was_given = given.done() and not given.cancelled() and given.exception() is None
            self.release(places if was_given else 0)
            raise

    def release(self, places: int) -> None:
        """Gives places back, to those who have waited longest; who asks no more is passed over."""
        self._free += places
        while self._asking:
            wanted, given = self._asking[0]
            if not given.done():
                if wanted > self._free:
                    return
                self._free -= wanted
                given.set_result(None)
            self._asking.popleft()

    def close(self) -> None:
        """Turns away all who ask, those who wait included."""
        self._closed = True
        while self._asking:
            _, given = self._asking.popleft()
            if not given.done():
                given.set_exception(RoomClosed())
