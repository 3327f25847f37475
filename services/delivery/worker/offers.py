"""Offers: room that a worker sets aside for claims that come to it without its asking."""

from __future__ import annotations

from collections.abc import Callable

from services.delivery.rules.claim import ClaimedNotification
from services.delivery.rules.room import Room

#: Characters of one such claim's context at the most: the router claims nothing that is larger.
OFFERED_TEXT = 64 * 1024
#: Characters that are never set aside: half of what a worker may have in hand stays for what it asks for.
KEPT_TEXT = 32 * 1024 * 1024


class Offers:
    """Places in ``room``, and in ``text`` for what they may hold; ``begin`` sends a claim on its way."""

    def __init__(self, room: Room, text: Room, begin: Callable[[ClaimedNotification], None]) -> None:
        self._room = room
        self._text = text
        self._begin = begin

    def make(self, wanted: int) -> int:
        """Sets aside as many of ``wanted`` as there is room for now, none while others wait for it; how many."""
        count = max(min(wanted, self._room.spare, (self._text.spare - KEPT_TEXT) // OFFERED_TEXT), 0)
        self._room.set_aside(count)
        self._text.set_aside(count * OFFERED_TEXT)
        return count

    def withdraw(self, count: int) -> None:
        """So many are not offered any more."""
        self._use(count)
        self._room.release(count)
        self._text.release(count * OFFERED_TEXT)

    def take(self, claim: ClaimedNotification) -> None:
        """One was made use of."""
        self._use(1)
        self._text.release(OFFERED_TEXT - claim.weight)
        self._begin(claim)

    def _use(self, count: int) -> None:
        self._room.use(count)
        self._text.use(count * OFFERED_TEXT)
