"""Workers of the HIGH lane that wait for what is recorded, so that the ledger claims it for one of them at once.

A worker that waits has said how many notifications it takes, and says every half second that it is still there. What is
claimed for it is put on its stream when the ledger has committed; what that does not bring, the ledger hands out again
when the lease ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from pulse.common.v1.enums_pb2 import AT_MOST_ONCE
from pulse.ledger.v1.ledger_service_pb2 import Claimant
from pulse.ledger.v1.records_pb2 import ClaimedNotification, Entry
from pulse.router.v1.router_service_pb2 import AwaitUrgentRequest, AwaitUrgentResponse
from shared.errors import Code, PulseError, Violation, invalid
from shared.times import from_duration

#: Workers that wait at one router at the most.
MOST_WAITING = 256
#: A worker that was silent for so long may be gone, or stand still: nothing is claimed for it, s.
FRESH_SECONDS = 1.5
#: Notifications that are claimed for a worker before it has them, at the most; and bytes of one of their entries.
MOST_AHEAD, MOST_BYTES = 1_000, 64 * 1024
#: Bytes of what is claimed in one batch, so that it fits into one message.
MOST_BATCH_BYTES = 4 * 1024 * 1024
#: Tenants with a provider to avoid that are read of a message.
_MOST_AVOIDED = 1_000


class WaitingWorker:
    """One stream's other end, as it stands."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._said = AwaitUrgentRequest()
        self._heard_at = 0.0
        self._given = 0
        self._under_way = 0
        self._leaving = False
        self._avoided: frozenset[str] = frozenset()
        self._avoided_for: frozenset[tuple[str, str]] = frozenset()
        self._outbox: list[AwaitUrgentResponse] = []
        self._changed = asyncio.Event()

    @property
    def room(self) -> int:
        """How many may be claimed for it now."""
        if self._leaving or self._monotonic() - self._heard_at > FRESH_SECONDS:
            return 0
        return max(min(self._said.granted - self._given, MOST_AHEAD), 0)

    def hear(self, said: AwaitUrgentRequest) -> None:
        """It says how it stands; raises INVALID_ARGUMENT."""
        problems = [] if said.worker_id else [Violation("worker_id", "is required")]
        if from_duration(said.lease) <= 0:
            problems.append(Violation("lease", "must be above zero"))
        if problems:
            raise invalid(problems)
        self._said = said
        self._heard_at = self._monotonic()
        self._avoided = frozenset(said.avoid_providers)
        self._avoided_for = frozenset((one.tenant_id, one.provider) for one in said.avoid_for_tenants[:_MOST_AVOIDED])

    def leave(self) -> None:
        """Nothing more is claimed for it; what is under way still comes."""
        self._leaving = True
        self._changed.set()

    def take(self, entries: Iterable[Entry]) -> UrgentBatch | None:
        """Those that it has room for, to be claimed for it; None: there is none."""
        room, bytes_left = self.room, MOST_BATCH_BYTES
        chosen: list[Entry] = []
        for entry in entries:
            if room > len(chosen) and self._takes(entry) and (size := entry.ByteSize()) <= min(MOST_BYTES, bytes_left):
                bytes_left -= size
                entry.claim_at_once = True
                chosen.append(entry)
        if not chosen:
            return None
        self._given += len(chosen)
        self._under_way += len(chosen)
        return UrgentBatch(self, self._said, len(chosen))

    def end(self, count: int, clock_ns: int, claimed: Sequence[ClaimedNotification]) -> None:
        """Of ``count`` that were to be claimed, these were; it has room for the others again."""
        self._under_way -= count
        self._given -= count - len(claimed)
        if claimed:
            self._outbox.append(AwaitUrgentResponse(claimed=claimed, clock_ns=clock_ns))
        self._changed.set()

    async def next(self) -> AwaitUrgentResponse | None:
        """What is to be sent next; None: nothing more is."""
        while not self._outbox:
            if self._leaving and not self._under_way:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._outbox.pop(0)

    def _takes(self, entry: Entry) -> bool:
        """Whether it is for a worker that waits: what may be sent but once is not, nor what waits for others."""
        asked, first = entry.asked, entry.route[0]
        if asked.delivery_guarantee == AT_MOST_ONCE or from_duration(asked.digest_window) > 0:
            return False
        return first not in self._avoided and (entry.ref.tenant_id, first) not in self._avoided_for


class UrgentBatch:
    """Entries that one worker waits for, from before they are recorded; :meth:`end` must be called once."""

    def __init__(self, worker: WaitingWorker, said: AwaitUrgentRequest, count: int) -> None:
        self._worker = worker
        self._clock_ns = said.clock_ns
        self._count = count
        #: For whom they are to be claimed.
        self.claimant = Claimant(worker_id=said.worker_id, lease=said.lease, reads_devices=said.reads_devices)

    def end(self, claimed: Sequence[ClaimedNotification] = ()) -> None:
        """These were claimed, and go to the worker now."""
        self._worker.end(self._count, self._clock_ns, claimed)


class WaitingWorkers:
    """All that wait at this router; HIGH alone is for them."""

    def __init__(self) -> None:
        self._workers: set[WaitingWorker] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._workers)

    def enter(self, worker: WaitingWorker) -> None:
        """It waits from now on; raises UNAVAILABLE and RESOURCE_EXHAUSTED."""
        if self._closed:
            raise PulseError(Code.UNAVAILABLE, "ROUTER_STOPPING", "this router stops")
        if len(self._workers) >= MOST_WAITING:
            raise PulseError(
                Code.RESOURCE_EXHAUSTED,
                "TOO_MANY_WAITING",
                f"{MOST_WAITING} workers wait at this router already",
                hint="what they do not wait for comes by Celery; run more routers, or fewer workers",
                retry_after=30,
            )
        self._workers.add(worker)

    def leave(self, worker: WaitingWorker) -> None:
        """Its stream has ended."""
        self._workers.discard(worker)

    def close(self) -> None:
        """All leave, and nobody enters any more."""
        self._closed = True
        for worker in self._workers:
            worker.leave()

    def take(self, entries: Sequence[Entry]) -> UrgentBatch | None:
        """Those of ``entries``, which are due, that the worker with the most room takes; None: there is none."""
        if not entries or not self._workers:
            return None
        return max(self._workers, key=lambda worker: worker.room).take(entries)
