"""Where an event stands in its tenant's feed.

Events follow each other by the number of the transaction that recorded them, then by what they are about, then by their
place in that. The numbers of transactions only grow, and a feed is given out only up to the oldest that is still under
way: so whatever is committed later stands behind all that was given out, in whichever order transactions end.
"""

from __future__ import annotations

import re
import uuid
from typing import NamedTuple, Self

from shared.errors import Code, PulseError, Violation, invalid

_WRITTEN = re.compile(r"([0-9a-f]{16})([0-9a-f]{32})([0-9a-f]{8})")
#: PostgreSQL's greatest number of a transaction is beyond this, and no database comes to it.
_MOST = 2**63 - 1
_NOBODY = str(uuid.UUID(int=0))


class Position(NamedTuple):
    """Behind an event, or before all of a transaction's."""

    transaction: int
    #: Of a notification, or of an event that is about none.
    id: str = _NOBODY
    #: Twice the number of a timeline's row, and one more for the second event of a row.
    place: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """As :meth:`__str__` wrote it; empty is before the first. Raises INVALID_ARGUMENT."""
        if not text:
            return cls(0)
        found = _WRITTEN.fullmatch(text)
        if found is None or int(found[1], 16) > _MOST or int(found[3], 16) >= 2**32 - 1:
            raise bad_position()
        return cls(int(found[1], 16), str(uuid.UUID(found[2])), int(found[3], 16))

    def __str__(self) -> str:
        return f"{self.transaction:016x}{uuid.UUID(self.id).hex}{self.place:08x}"

    @property
    def first_row(self) -> int:
        """The first row of a timeline that has anything behind this."""
        return (self.place + 1) // 2


def bad_position() -> PulseError:
    """It was not given out by a feed."""
    return invalid([Violation("after", "is no position of a feed")], "INVALID_POSITION")


def ahead() -> PulseError:
    """It was given out by a database that had come further than this one."""
    return PulseError(
        Code.FAILED_PRECONDITION,
        "POSITION_AHEAD",
        "the feed has not come to this position: the database was restored, or failed over and lost what came last",
        hint="read again from a position of before that, or from the oldest event that is kept",
    )
