"""Wakes those who watch notifications when something happened to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from services.ledger import rows, sql, tenancy
from services.ledger.delivery import Ref
from services.ledger.postgres import Connection, Postgres
from shared.logs import logger

log = logger(__name__)

#: When nothing changes, the next look is this much later, up to so many times the first interval.
_GROWTH, _SLOWEST = 1.5, 4.0


class Watch:
    """One watcher of one notification."""

    def __init__(self) -> None:
        #: The last event that the watcher has seen.
        self.revision = 0
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There may be something new."""
        self._woken.set()

    async def wait(self) -> None:
        """Returns when there may be something new since the last time."""
        await self._woken.wait()
        self._woken.clear()


class Watchers:
    """What this process records wakes its watchers at once; what others record is found by one look for all of them."""

    def __init__(self, postgres: Postgres, interval: float) -> None:
        self._postgres = postgres
        self._interval = interval
        self._watches: dict[Ref, set[Watch]] = defaultdict(set)
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
    def watch(self, ref: Ref) -> Iterator[Watch]:
        """A watch that is woken until the context ends."""
        watch = Watch()
        self._watches[ref].add(watch)
        try:
            yield watch
        finally:
            self._watches[ref].discard(watch)
            if not self._watches[ref]:
                del self._watches[ref]

    def wake(self, refs: Iterable[Ref]) -> None:
        """Something happened to these."""
        if self._watches:
            for ref in refs:
                for watch in self._watches.get(ref, ()):
                    watch.wake()

    async def _run(self) -> None:
        pause = self._interval
        while True:
            await asyncio.sleep(pause)
            changed = False
            try:
                changed = bool(self._watches) and await self._look()
            except Exception as error:  # whatever it is, whoever watches is told at the next look that works
                log.warning("cannot look at watched notifications", error=type(error).__name__)
            pause = self._interval if changed else min(pause * _GROWTH, self._interval * _SLOWEST)

    async def _look(self) -> bool:
        """Wakes whose notification has events they have not seen; True if any has."""
        parameters = {"refs": rows.refs(self._watches)}

        async def work(connection: Connection) -> list[tuple[str, str, str, int]]:
            return await (await connection.execute(sql.STATUSES, parameters)).fetchall()

        with tenancy.tenants(tenant for tenant, _ in self._watches):
            found = await self._postgres.write(work)
        behind = [
            watch
            for tenant, id_, _, revision in found
            for watch in self._watches.get((tenant, id_), ())
            if watch.revision < revision
        ]
        for watch in behind:
            watch.wake()
        return bool(behind)
