"""The recorder: has admitted notifications of one lane recorded, and woken once they are committed.

Each lane has its own, so that a one-time code does not wait for a newsletter's batch to be committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from pulse.common.v1.enums_pb2 import Status
from pulse.ledger.v1.ledger_service_pb2 import RecordRequest
from pulse.ledger.v1.records_pb2 import Entry, RecordResult
from services.router import wire
from services.router.admission.candidates import Candidate
from services.router.dispatch.dispatcher import Dispatcher
from services.router.dispatch.publisher import Publisher
from services.router.dispatch.waiting_workers import UrgentBatch, WaitingWorkers
from services.router.ledger import Ledger
from services.router.limits.limiter import Limiter
from services.router.rules.quota import Reservation
from shared.errors import Code, PulseError
from shared.gather import Gatherer
from shared.packing import deal, pack
from shared.refs import Ref
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

#: Full batches of a lane under way to the ledger at once.
FULL_IN_FLIGHT = 4

RecordAnswer = RecordResult | PulseError


class Recorder:
    """Gathers what concurrent calls want recorded: one batch is under way to the ledger, or several full ones."""

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
        self._gatherer: Gatherer[Sequence[Candidate], Sequence[RecordAnswer]] = Gatherer(
            self._record_groups,
            max_batch=max_batch,
            max_waiting=1_000,
            weigh=len,
            heaviest=max_batch,
            full_in_flight=FULL_IN_FLIGHT,
        )

    async def record(self, admitted: Sequence[Candidate]) -> Sequence[RecordAnswer]:
        """What became of each, in order; raises :class:`PulseError` if the deadline ends first."""
        return await self._gatherer.submit(admitted)

    @property
    def waiting(self) -> int:
        """Calls whose submissions no batch has taken yet."""
        return self._gatherer.waiting

    async def drain(self) -> None:
        """Returns when nothing waits to be recorded."""
        await self._gatherer.drain()

    async def _record_groups(self, groups: Sequence[Sequence[Candidate]]) -> list[Sequence[RecordAnswer]]:
        """Records what concurrent calls want recorded, together."""
        outcomes: list[RecordAnswer] = []
        for batch in pack(groups, self._max_batch, weigh=_bytes, heaviest=MOST_BATCH_BYTES):
            outcomes += await self._record_batch(batch)
        return deal(outcomes, groups)

    async def _record_batch(self, admitted: Sequence[Candidate]) -> Sequence[RecordAnswer]:
        request = RecordRequest()
        entries = [wire.add_entry(request, one.submission, one.case.ruling, one.decided) for one in admitted]
        due = self._due(admitted, entries)
        reserved = self._mark_dispatched(due)
        urgent = self._take_urgent(due)
        if urgent:
            request.claimant.CopyFrom(urgent.claimant)
        outcomes: Sequence[RecordAnswer] = ()
        try:
            outcomes = await self._ledger.record(request)
        except PulseError as error:
            # Its traceback would hold on to this frame, and so to the batch, until the next search for cycles.
            outcomes = [error.with_traceback(None)] * len(admitted)
        except BaseException:
            self._dispatcher.release(reserved)
            raise
        finally:
            if urgent:
                urgent.end([one.claimed for one in outcomes if _is_claimed(one)])
        unused = self._wake(admitted, entries, outcomes, reserved)
        if unused:
            await self._limiter.give_back(unused)
        return outcomes

    def _due(self, admitted: Sequence[Candidate], entries: Sequence[Entry]) -> list[Entry]:
        """What may be sent at once, by a provider that may be given any number."""
        pairs = zip(admitted, entries, strict=True)
        return [entry for one, entry in pairs if one.case.ruling.due and not self._bounded(one)]

    def _bounded(self, one: Candidate) -> bool:
        return self._dispatcher.bounded(one.case.ruling.routes[0][0])

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

    def _wake(
        self,
        admitted: Sequence[Candidate],
        entries: Sequence[Entry],
        outcomes: Sequence[RecordAnswer],
        reserved: int,
    ) -> list[Reservation]:
        """Publishes what was committed as dispatched; wakes the dispatcher for the rest that is due.

        Gives the reservations of what certainly was not recorded.
        """
        refs: list[Ref] = []
        fresh: list[Entry] = []
        left: list[Candidate] = []
        unused: list[Reservation] = []
        for one, entry, outcome in zip(admitted, entries, outcomes, strict=True):
            if not _is_new(outcome):
                if one.reservation is not None and _came_to_nothing(outcome):
                    unused.append(one.reservation)
                continue
            fresh.append(entry)
            # The ledger may have put off, or suppressed, what was due; and what a waiting worker has needs no wake-up.
            if one.case.ruling.due and outcome.status == Status.QUEUED and not outcome.HasField("claimed"):
                if entry.dispatched:
                    refs.append((one.submission.tenant_id, one.submission.notification_id))
                else:
                    left.append(one)
        self._dispatcher.release(reserved - len(refs))
        self._publisher.remember(fresh)
        self._publisher.put(refs)
        if not all(map(self._bounded, left)):
            self._dispatcher.wake()
        elif left:
            self._dispatcher.wake_for_bounded()
        return unused


def _bytes(one: Candidate) -> int:
    """About what its entry weighs, where what was asked for stands in the form of two releases."""
    return 2 * one.submission.asked.ByteSize() + len(one.decided)


def _is_new(outcome: RecordAnswer) -> TypeGuard[RecordResult]:
    return isinstance(outcome, RecordResult) and not outcome.replayed and not outcome.HasField("error")


def _is_claimed(outcome: RecordAnswer) -> TypeGuard[RecordResult]:
    """Whether a waiting worker has it: it needs no wake-up."""
    return isinstance(outcome, RecordResult) and outcome.HasField("claimed")


def _came_to_nothing(outcome: RecordAnswer) -> bool:
    """Whether it is certain that what is not new recorded nothing."""
    return not isinstance(outcome, PulseError) or outcome.code in _NOTHING_RECORDED
