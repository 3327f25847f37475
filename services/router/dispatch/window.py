"""The dispatch window: how many ids may be on their way to the workers at once, per lane.

A backlog belongs in the ledger, where it can be cancelled and re-ordered; the broker holds only what the
workers need to stay busy.
"""

from __future__ import annotations

from collections import deque


class Window:
    """Counts ids that are reserved (not yet published) and queued (published, not yet taken by a worker).

    What is queued is told by the broker in tasks. A queue is first in, first out, so the tasks that are
    left are the ones published last; tasks of other routers are taken to be as large as one's own.
    """

    def __init__(self, capacity: int, typical: int) -> None:
        self._capacity = capacity
        self._typical = typical  # ids in a task of which nothing is known
        self._reserved = 0
        self._own: deque[int] = deque()  # ids in each task of this router that may still be queued
        self._own_ids = 0
        self._foreign_tasks = 0
        self._open = True

    @property
    def tasks(self) -> int:
        """Tasks queued, as far as known."""
        return len(self._own) + self._foreign_tasks

    @property
    def capacity(self) -> int:
        """Ids that may be reserved and queued together."""
        return self._capacity

    @property
    def reserved(self) -> int:
        """Ids that are reserved."""
        return self._reserved

    @property
    def queued(self) -> int:
        """Ids queued that this router published."""
        return self._own_ids

    @property
    def room(self) -> int:
        """Ids that may be reserved now."""
        if not self._open:
            return 0
        return max(self._capacity - self._reserved - self._own_ids - self._foreign_tasks * self._task_size(), 0)

    def reserve(self, wanted: int) -> int:
        """Reserves as many of ``wanted`` ids as there is room for."""
        granted = min(wanted, self.room)
        self._reserved += granted
        return granted

    def release(self, count: int) -> None:
        """Gives back reserved ids that will not be published."""
        self._reserved -= count

    def published(self, count: int) -> None:
        """A task with ``count`` reserved ids was published."""
        self._reserved -= count
        self._own.append(count)
        self._own_ids += count

    def measured(self, tasks: int) -> None:
        """The broker holds ``tasks`` tasks of this lane: it can be reached."""
        self._open = True
        while len(self._own) > tasks:
            self._own_ids -= self._own.popleft()
        self._foreign_tasks = tasks - len(self._own)

    def close(self) -> None:
        """The broker cannot be reached: no room until it is measured again."""
        self._open = False

    def _task_size(self) -> int:
        return max(self._own_ids // len(self._own), 1) if self._own else self._typical
