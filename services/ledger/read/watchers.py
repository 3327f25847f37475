"""Tells those who follow notifications, or feeds, when there is something new in them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Protocol

from services.ledger.postgres import tenancy
from services.ledger.read.timelines import TimelinePlace
from services.ledger.rules.delivery import Ref
from shared.observe.logs import logger

log = logger(__name__)

#: When nothing changes, the next look is this much later, up to so many times the first interval.
_GROWTH, _SLOWEST = 1.5, 4.0
#: Places told at once.
_MOST_TOLD = 1_000


class Followed(Protocol):
    """What can be followed: it has a number that grows with whatever is new."""

    async def last_sequences(self, refs: Iterable[Ref]) -> dict[Ref, int]:
        """The last number of each, without those that have none."""


class Follower:
    """What one caller follows. What waits to be told is never more than that: of each notification, the last event."""

    def __init__(self, watchers: Watchers) -> None:
        self._watchers = watchers
        self._seen: dict[Ref, int] = {}
        self._changed: dict[Ref, int] = {}
        self._woken = asyncio.Event()
        self._is_over = False
        self._error: BaseException | None = None

    def follow(self, places: Iterable[TimelinePlace]) -> None:
        """Tells of these from here on; one that has more already is found by the next look, which is now."""
        for ref, sequence in places:
            self._seen[ref] = sequence
            self._watchers.add(ref, self)

    def drop(self, refs: Iterable[Ref]) -> None:
        """Tells of these no more."""
        for ref in refs:
            if self._seen.pop(ref, None) is not None:
                self._watchers.discard(ref, self)
            self._changed.pop(ref, None)

    def drop_all(self) -> None:
        """The caller has gone."""
        self.drop(list(self._seen))

    def tell(self, ref: Ref, sequence: int) -> bool:
        """This is the last event of one that is followed; True if it is news."""
        if sequence <= self._seen[ref]:
            return False
        self._seen[ref] = self._changed[ref] = sequence
        self._woken.set()
        return True

    def end_with(self, task: asyncio.Task[None]) -> None:
        """There is no more to tell once this task has ended, for the reason that it failed with, if it did."""
        if not task.cancelled():
            self._is_over, self._error = True, task.exception()
            self._woken.set()

    async def news(self) -> AsyncIterator[list[TimelinePlace]]:
        """What has changed since it was told last, until the end; raises the reason for that."""
        while not self._is_over:
            await self._woken.wait()
            self._woken.clear()
            changed, self._changed = [TimelinePlace(*one) for one in self._changed.items()], {}
            for start in range(0, len(changed), _MOST_TOLD):
                yield changed[start : start + _MOST_TOLD]
        if self._error is not None:
            raise self._error


class Watchers:
    """What this process records is told at once; what others record is found by one look for all that is followed."""

    def __init__(self, followed: Followed, interval: float) -> None:
        self._followed = followed
        self._interval = interval
        self._followers: dict[Ref, set[Follower]] = defaultdict(set)
        self._added: set[Ref] = set()
        self._any_added = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to look every ``interval`` seconds, less often while nothing changes."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Looks no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    @contextlib.contextmanager
    def follower(self) -> Iterator[Follower]:
        """One that is told until the context ends."""
        follower = Follower(self)
        try:
            yield follower
        finally:
            follower.drop_all()

    def add(self, ref: Ref, follower: Follower) -> None:
        """Has the follower told of it, first by a look at once: it may have changed since the follower saw it."""
        self._followers[ref].add(follower)
        self._added.add(ref)
        self._any_added.set()

    def discard(self, ref: Ref, follower: Follower) -> None:
        """Has it told no more."""
        self._followers[ref].discard(follower)
        if not self._followers[ref]:
            del self._followers[ref]
            self._added.discard(ref)

    def wake(self, changed: Iterable[TimelinePlace]) -> None:
        """These are now the last events of their notifications."""
        if self._followers:
            for place in changed:
                self._tell(*place)

    def _tell(self, ref: Ref, sequence: int) -> bool:
        told = [follower.tell(ref, sequence) for follower in self._followers.get(ref, ())]
        return any(told)

    async def _run(self) -> None:
        pause = self._interval
        next_look = time.monotonic() + pause
        while True:
            is_whole = await self._is_time_for_all(next_look)
            changed = await self._tried(self._wanted(is_whole))
            if is_whole:
                pause = self._interval if changed else min(pause * _GROWTH, self._interval * _SLOWEST)
                next_look = time.monotonic() + pause

    async def _is_time_for_all(self, next_look: float) -> bool:
        """Returns when there is something to look at: True at ``next_look``, False as soon as anything was added."""
        left = next_look - time.monotonic()
        if left <= 0:  # asked first: to wait for what is there already would not look at the clock
            await asyncio.sleep(0)  # nor let others work, however short the interval is
            return True
        try:
            async with asyncio.timeout(left):
                await self._any_added.wait()
        except TimeoutError:
            return True
        return False

    def _wanted(self, is_whole: bool) -> list[Ref]:
        """All that is followed, with what was added, or that alone."""
        refs = list(self._followers if is_whole else self._added)
        self._added.clear()
        self._any_added.clear()
        return refs

    async def _tried(self, refs: list[Ref]) -> bool:
        """A look that may fail: then the next one finds what this one should have."""
        try:
            return bool(refs) and await self._look(refs)
        except Exception as error:  # whatever it was, nobody would be told any more without this loop
            log.warning("cannot look at what is followed", error=type(error).__name__)
            return False

    async def _look(self, refs: list[Ref]) -> bool:
        """Tells what is news of these; True if anything is."""
        with tenancy.tenants(tenant for tenant, _ in refs):
            last = await self._followed.last_sequences(refs)
        told = [self._tell(ref, sequence) for ref, sequence in last.items()]
        return any(told)
