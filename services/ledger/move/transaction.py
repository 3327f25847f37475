"""The one transaction by which deliveries change: they are held, rules decide, and what these say is written.

Whoever changes deliveries gives the rules, and names what these have to read besides. Nothing else writes a new state
after acceptance.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from services.ledger.move import digest_heirs, digests, sql
from services.ledger.move.batch_state import BatchState
from services.ledger.move.rows import written
from services.ledger.postgres import older_rows, rows
from services.ledger.postgres.columns import Packed
from services.ledger.postgres.compiling import Query
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.read.timelines import TimelinePlace
from services.ledger.read.watchers import Watchers
from services.ledger.rules.delivery import Change, Ref
from services.ledger.rules.states import TERMINAL
from shared.clock import Clock

Result = TypeVar("Result")
Value_co = TypeVar("Value_co", covariant=True)
Rows = Sequence[tuple[Any, ...]]


class Fetchable(Protocol):
    """A statement that was sent."""

    async def fetchall(self) -> Rows: ...


@dataclass(frozen=True, slots=True, eq=False)
class Read(Generic[Value_co]):
    """A statement over the references of a batch, if it names any, and what its rows say."""

    statement: str
    says: Callable[[Rows], Value_co]


class Found:
    """What was read beside the deliveries."""

    def __init__(self, found: Mapping[Read[Any], Rows]) -> None:
        self._found = found

    def __getitem__(self, read: Read[Value_co]) -> Value_co:
        """What ``read`` says; what it says of no rows, if it was not asked for."""
        return read.says(self._found.get(read, ()))


class Reading:
    """What PostgreSQL was told to read about references; what it answers is yet to be fetched."""

    def __init__(self, reading: Mapping[Read[Any], Fetchable]) -> None:
        self._reading = reading

    @classmethod
    async def begin(
        cls, connection: Connection, batch: Mapping[str, Packed | str], reads: Sequence[Read[Any]]
    ) -> Reading:
        """Says so; in a pipeline that waits for nothing."""
        return cls({read: await connection.execute(read.statement, batch) for read in reads})

    async def fetch(self) -> Found:
        """What was read."""
        return Found({read: await cursor.fetchall() for read, cursor in self._reading.items()})


class Holding:
    """References that PostgreSQL was told to hold, and to read beside; what it answers is yet to be fetched."""

    def __init__(self, connection: Connection, rows: Fetchable, reading: Reading) -> None:
        self._connection = connection
        self._rows = rows
        self._reading = reading

    @classmethod
    async def begin(cls, connection: Connection, refs: Iterable[Ref], reads: Sequence[Read[Any]] = ()) -> Holding:
        """Says so; in a pipeline that waits for nothing."""
        batch = rows.refs(refs)
        holding = await connection.execute(sql.HOLD, batch)
        return cls(connection, holding, await Reading.begin(connection, batch, reads))

    async def fetch(self) -> tuple[BatchState, Found]:
        """What is held, and what was read."""
        held = BatchState(*await older_rows.completed(self._connection, await self._rows.fetchall()))
        return held, await self._reading.fetch()


#: Changes what is held, at the given time.
Rules = Callable[[BatchState, Found, dt.datetime], Result]
#: Does what further is to be done once the changes are written; gives the transaction's result.
Finish = Callable[[Connection, Result, Sequence[Change], dt.datetime], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Step(Generic[Result]):
    """What is done with some deliveries: ``rules`` change them by what ``reads`` found, and ``finish`` follows."""

    refs: Collection[Ref]
    rules: Rules[Result]
    reads: Sequence[Read[Any]] = ()
    finish: Finish[Result] | None = None

    @property
    def batch(self) -> Mapping[str, Packed]:
        """Its references, as its reads take them."""
        return rows.refs(self.refs) if self.reads else {}


def _parted(changes: list[Change], steps: Sequence[Step[Any]]) -> list[list[Change]]:
    """What each step changed: the last one all that is no other's, such as who takes over from what it ended."""
    parts: list[list[Change]] = []
    for step in steps[:-1]:
        refs = frozenset(step.refs)
        parts.append([change for change in changes if change.delivery.ref in refs])
        changes = [change for change in changes if change.delivery.ref not in refs]
    return [*parts, changes]


class Transactions:
    """Runs them, and wakes those who follow what was changed."""

    def __init__(self, postgres: Postgres, clock: Clock, watchers: Watchers) -> None:
        self._postgres = postgres
        self._clock = clock
        self._watchers = watchers

    async def run(
        self,
        refs: Collection[Ref],
        rules: Rules[Result],
        reads: Sequence[Read[Any]] = (),
        finish: Finish[Result] | None = None,
        *,
        ask_for_tellers: bool = False,
    ) -> Result:
        """One step, as :meth:`run_all` takes several; what it gives."""
        result: Result
        (result,) = await self.run_all([Step(refs, rules, reads, finish)], ask_for_tellers=ask_for_tellers)
        return result

    async def run_all(self, steps: Sequence[Step[Any]], *, ask_for_tellers: bool = False) -> list[Any]:
        """Holds the deliveries of all ``steps``, takes these one after the other and writes the changes, in two round
        trips; what each step gives.

        A step sees what those before it changed, but its reads do not: they come before all of them.

        It takes one more where something ends unsent, which may have been to tell a digest; ``ask_for_tellers`` asks
        first whether it was, and spares that one. Few are: to ask pays where ends are what is to be made.

        The rules' time is that at which the references were held: whoever had to wait for another's change comes after
        it in the timeline too.
        """
        refs = [ref for step in steps for ref in step.refs]

        async def work(connection: Connection) -> tuple[list[Any], list[Change]]:
            holding = await Holding.begin(connection, refs)
            reading = [await Reading.begin(connection, step.batch, step.reads) for step in steps]
            telling = await connection.execute(digests.TELLERS, rows.refs(refs)) if ask_for_tellers else None
            held, _ = await holding.fetch()
            found = [await one.fetch() for one in reading]
            may_tell = telling is None or bool(await telling.fetchall())
            now = self._clock.now()
            results = [step.rules(held, read, now) for step, read in zip(steps, found, strict=True)]
            changes = held.changes()
            if may_tell:
                changes = await digest_heirs.arrange(connection, changes, now)
            # A statement a step: what one does is much alike, and so cheaply written.
            for of_step in (parts := _parted(changes, steps)):
                if of_step:
                    await connection.execute(*written(of_step, held.stored, now))
            for number, (step, of_step) in enumerate(zip(steps, parts, strict=True)):
                if step.finish is not None:
                    results[number] = await step.finish(connection, results[number], of_step, now)
            return results, changes

        results, changes = await self._postgres.write(work, pipelined=True)
        self.wake(changes)
        return results

    async def write_within(self, connection: Connection, held: BatchState, now: dt.datetime) -> list[Change]:
        """Writes what was changed of ``held``, whose end none of it is, in the transaction of somebody else, who is to
        :meth:`wake` those who follow once it is committed.
        """
        changes = held.changes()
        if changes:
            await connection.execute(*written(changes, held.stored, now))
        return changes

    async def search(
        self, query: Query, now: dt.datetime, rules: Callable[[Connection, BatchState], Awaitable[Result]]
    ) -> Result:
        """As :meth:`run`, at ``now``, for those that ``query`` finds and holds, however long it looks for them."""

        async def work(connection: Connection) -> tuple[Result, list[Change]]:
            async with connection.transaction():
                cursor = await connection.execute(query.text, query.parameters)
                held = BatchState(*await older_rows.completed(connection, await cursor.fetchall()))
                result = await rules(connection, held)
                changes = held.changes()
                if changes:
                    await connection.execute(*written(changes, held.stored, now))
            return result, changes

        result, changes = await self._postgres.search(work)
        self.wake(changes)
        return result

    def wake(self, changes: Iterable[Change]) -> None:
        """These were committed."""
        self._watchers.wake(TimelinePlace(change.delivery.ref, change.delivery.revision) for change in changes)


async def close_digests(
    connection: Connection, result: Result, changes: Sequence[Change], _: dt.datetime, heads: Iterable[Ref] = ()
) -> Result:
    """Nothing more is collected for ``heads``, nor for what ended before it was sent."""
    ended = [change.delivery.ref for change in changes if change.delivery.status in TERMINAL]
    if closing := [*heads, *ended]:
        await digests.close(connection, closing)
    return result
