"""The reservations of one window, in the order in which they were made: no question costs a walk through them."""

from __future__ import annotations

from bisect import bisect_left, insort_right

#: Up to so many reservations are looked through faster than they are found by their tokens, and take less memory.
_FEW = 16


class LocalReservations:
    """Reservations by their tokens and times; a token may have several. Times are seconds of one monotonic clock."""

    __slots__ = ("_first", "_of_token", "_reservations")

    def __init__(self) -> None:
        self._reservations: list[tuple[float, str]] = []  # ascending
        self._first = 0  # those before it are forgotten, and leave the list once they are half of it
        self._of_token: dict[str, list[float]] | None = None  # ascending; None: they are few

    def __bool__(self) -> bool:
        return self._first < len(self._reservations)

    @property
    def last(self) -> float:
        """When the last of them was taken; there must be one."""
        return self._reservations[-1][0]

    def since(self, moment: float) -> int:
        """How many were taken at ``moment`` or later."""
        return len(self._reservations) - self._at(moment)

    def time(self, number: int, moment: float) -> float:
        """When the ``number``-th (from 0) of those that were taken at ``moment`` or later was."""
        return self._reservations[self._at(moment) + number][0]

    def holds(self, token: str, moment: float) -> bool:
        """Whether ``token`` took one at ``moment`` or later."""
        if self._of_token is None:
            return any(held == token for _, held in self._reservations[self._at(moment) :])
        times = self._of_token.get(token)
        return times is not None and times[-1] >= moment

    def take(self, token: str, now: float) -> None:
        """Takes one."""
        insort_right(self._reservations, (now, token), self._first)
        if self._of_token is not None:
            insort_right(self._of_token.setdefault(token, []), now)
        elif len(self._reservations) > _FEW:
            self._of_token = {}
            for time, held in self._reservations[self._first :]:
                self._of_token.setdefault(held, []).append(time)

    def give_back(self, token: str, taken_at: float) -> None:
        """Forgets those that ``token`` took just then."""
        at = bisect_left(self._reservations, (taken_at, token), self._first)
        while at < len(self._reservations) and self._reservations[at] == (taken_at, token):
            del self._reservations[at]
            self._unlist(token, taken_at)

    def forget_before(self, moment: float) -> None:
        """Forgets all that were taken before."""
        first = self._at(moment)
        for time, token in self._reservations[self._first : first]:
            self._unlist(token, time)
        self._first = first
        if first > len(self._reservations) // 2:
            del self._reservations[:first]
            self._first = 0

    def _at(self, moment: float) -> int:
        return bisect_left(self._reservations, (moment,), self._first)

    def _unlist(self, token: str, time: float) -> None:
        if self._of_token is not None:
            times = self._of_token[token]
            del times[bisect_left(times, time)]
            if not times:
                del self._of_token[token]
