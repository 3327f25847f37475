"""The recorder: has admitted notifications of one lane recorded, and woken once they are committed.

Each lane has its own, so that a one-time code does not wait for a newsletter's batch to be committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from pulse.common.v1.enums_pb2 import Status
from pulse.ledger.v1.records_pb2 import Entry, RecordResult
from services.router.dispatch.dispatcher import Dispatcher
from services.router.dispatch.publisher import Publisher
from services.router.dispatch.waiting_workers import UrgentBatch, WaitingWorkers
from services.router.ledger import Ledger
from services.router.limits.limiter import Limiter
from services.router.rules.quota import Reservation
from shared.errors import Code, PulseError
from shared.gather import Gatherer
from shared.packing import deal, pack
from shared.rpc.channels import MOST_BATCH_BYTES

#: After these nothing was recorded. After all others it may have been, so that the reservation stays.
_NOTHING_RECORDED = frozenset(
    {
        Code.INVALID_ARGUMENT,
        Code.FAILED_PRECONDITION,
        Code.RESOURCE_EXHAUSTED,
        Code.UNAUTHENTICATED,
        Code.PERMISSION_DENIED,
        Code.UNIMPLEMENTED,
    }
)

RecordAnswer = RecordResult | PulseError


@dataclass(frozen=True, slots=True)
class Planned:
    """An entry to be recorded, its reservation (None: none), and whether it is due at once."""

    entry: Entry
    reservation: Reservation | None
    due: bool


class Recorder:
    """Gathers what concurrent calls want recorded: one batch is under way to the ledger at a time."""

    def __init__(
        self,
        ledger: Ledger,
        limiter: Limiter,
        dispatcher: Dispatcher,
        publisher: Publisher,
        *,
        max_batch: int,
        waiting: WaitingWorkers | None = None,
    ) -> None:
        self._ledger = ledger
        self._limiter = limiter
        self._dispatcher = dispatcher
        self._publisher = publisher
        self._waiting = waiting
        self._max_batch = max_batch
        self._gatherer: Gatherer[Sequence[Planned], Sequence[RecordAnswer]] = Gatherer(
            self._record_groups, max_batch=max_batch, max_waiting=1_000
        )

    async def record(self, planned: Sequence[Planned]) -> Sequence[RecordAnswer]:
        """What became of each, in order; raises :class:`PulseError` if the deadline ends first."""
        return await self._gatherer.submit(planned)

    @property
    def waiting(self) -> int:
        """Calls whose submissions no batch has taken yet."""
        return self._gatherer.waiting

    async def drain(self) -> None:
        """Returns when nothing waits to be recorded."""
        await self._gatherer.drain()

    async def _record_groups(self, groups: Sequence[Sequence[Planned]]) -> list[Sequence[RecordAnswer]]:
        """Records what concurrent calls want recorded, together."""
        outcomes: list[RecordAnswer] = []
        for batch in pack(groups, self._max_batch, weigh=_bytes, heaviest=MOST_BATCH_BYTES):
            outcomes += await self._record_batch(batch)
        return deal(outcomes, groups)

    async def _record_batch(self, planned: Sequence[Planned]) -> Sequence[RecordAnswer]:
        due = self._due(planned)
        reserved = self._mark_dispatched(due)
        urgent = self._take_urgent(due)
        outcomes: Sequence[RecordAnswer] = ()
        try:
            outcomes = await self._ledger.record([one.entry for one in planned], urgent.claimant if urgent else None)
        except PulseError as error:
            # Its traceback would hold on to this frame, and so to the batch, until the next search for cycles.
            outcomes = [error.with_traceback(None)] * len(planned)
        except BaseException:
            self._dispatcher.release(reserved)
            raise
        finally:
            if urgent:
                urgent.end([one.claimed for one in outcomes if _is_claimed(one)])
        self._wake(planned, outcomes, reserved)
        unused = [
            one.reservation
            for one, outcome in zip(planned, outcomes, strict=True)
            if one.reservation and _came_to_nothing(outcome)
        ]
        if unused:
            await self._limiter.give_back(unused)
        return outcomes

    def _due(self, planned: Sequence[Planned]) -> list[Entry]:
        """What may be sent at once, by a provider that may be given any number."""
        return [one.entry for one in planned if one.due and not self._dispatcher.bounded(one.entry.route[0])]

    def _take_urgent(self, due: Sequence[Entry]) -> UrgentBatch | None:
        """What a worker waits for; None: none does, or older ones wait for their turn, and could be published."""
        if self._waiting is None or (self._dispatcher.backlog and not self._publisher.outage.away):
            return None
        return self._waiting.take(due)

    def _mark_dispatched(self, due: Sequence[Entry]) -> int:
        """Marks as many due entries as the dispatch window has room for; returns how many."""
        reserved = self._dispatcher.reserve(len(due))
        for entry in due[:reserved]:
            entry.dispatched = True
        return reserved

    def _wake(self, planned: Sequence[Planned], outcomes: Sequence[RecordAnswer], reserved: int) -> None:
        """Publishes what was committed as dispatched; wakes the dispatcher for the rest that is due."""
        committed = [one for one, outcome in zip(planned, outcomes, strict=True) if _is_due(one, outcome)]
        refs = [(one.entry.ref.tenant_id, one.entry.ref.notification_id) for one in committed if one.entry.dispatched]
        self._dispatcher.release(reserved - len(refs))
        self._publisher.remember(one.entry for one, outcome in zip(planned, outcomes, strict=True) if _is_new(outcome))
        self._publisher.put(refs)
        left = [one.entry for one in committed if not one.entry.dispatched]
        if not all(self._dispatcher.bounded(entry.route[0]) for entry in left):
            self._dispatcher.wake()
        elif left:
            self._dispatcher.wake_for_bounded()


def _bytes(planned: Planned) -> int:
    return planned.entry.ByteSize()


def _is_new(outcome: RecordAnswer) -> bool:
    return isinstance(outcome, RecordResult) and not outcome.replayed and not outcome.HasField("error")


def _is_claimed(outcome: RecordAnswer) -> TypeGuard[RecordResult]:
    """Whether a waiting worker has it: it needs no wake-up."""
    return isinstance(outcome, RecordResult) and outcome.HasField("claimed")


def _is_due(planned: Planned, outcome: RecordAnswer) -> bool:
    """Whether it was recorded to be sent at once; the ledger may have put off, or suppressed, what was due."""
    if not planned.due or not isinstance(outcome, RecordResult) or _is_claimed(outcome):
        return False
    return _is_new(outcome) and outcome.status == Status.QUEUED


def _came_to_nothing(outcome: RecordAnswer) -> bool:
    """Whether it is certain that this submission recorded nothing."""
    if isinstance(outcome, PulseError):
        return outcome.code in _NOTHING_RECORDED
    return not _is_new(outcome)
