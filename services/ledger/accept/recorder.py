"""Records notifications, each once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from services.ledger.accept import entries, keys, record_sql
from services.ledger.accept.entries import Entry
from services.ledger.accept.entry_columns import Draft
from services.ledger.accept.entry_fallbacks import longest_wait
from services.ledger.accept.initial_state import Acceptance, InitialState
from services.ledger.accept.keys import Key, Recorded, RecordResult, Use
from services.ledger.postgres import rows, sql
from services.ledger.postgres.compiling import Query
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.postgres.postgres_errors import UnstorableValue
from services.ledger.rules.delivery import Ref
from services.ledger.rules.recipients import UNKNOWN, Profile
from services.ledger.rules.retry import RetryPolicies
from services.ledger.rules.states import Status
from services.ledger.stores import profiles
from shared.clock import Clock
from shared.errors import Code, PulseError

_UNIQUE_VIOLATION = "23505"


class RecorderSettings(NamedTuple):
    """What the recorder goes by."""

    redispatch_after: dt.timedelta
    key_retention: dt.timedelta
    most_attempts: int
    policies: RetryPolicies
    #: Categories that preferences, unsubscriptions and quiet hours do not hold for.
    critical: frozenset[str] = frozenset()


class FirstClaim(Protocol):
    """What is claimed in the transaction that records it; ``services.ledger.move.first_claim`` has it."""

    def restart(self) -> None: ...
    async def begin(
        self, connection: Connection, drafts: Sequence[Draft], profiles: Mapping[tuple[str, str], Profile]
    ) -> Any | None: ...
    async def claim(
        self, connection: Connection, recording: Any, unrecorded: Collection[Ref], accepted_at: dt.datetime
    ) -> None: ...
    def committed(self) -> None: ...


class Recorder:
    """Writes entries with their idempotency keys, and says what keys were used for."""

    def __init__(self, postgres: Postgres, clock: Clock, settings: RecorderSettings) -> None:
        self._postgres = postgres
        self._clock = clock
        self._settings = settings
        self._horizon = max(policy.horizon(settings.most_attempts) for policy in settings.policies.all())

    async def record(self, batch: Sequence[Entry], first: FirstClaim | None = None) -> list[RecordResult]:
        """What became of each entry, in their order. Entries with one key or one id are one request told twice.

        ``first`` claims some of them in the same transaction.
        """
        refused: Mapping[int, PulseError] = entries.refusals(batch, self._settings.most_attempts)
        leaders = keys.leaders([entry for at, entry in enumerate(batch) if at not in refused] if refused else batch)
        outcomes = await self._insert(leaders, first)
        if len(outcomes) == len(batch):
            return [_fresh(entry, outcomes[entry.ref]) for entry in batch]
        uses = await self.uses(entry.key for entry in leaders if entry.ref not in outcomes)
        for entry in leaders:
            status = outcomes.get(entry.ref)
            if isinstance(status, Status):
                uses[entry.key] = Use(entry.fingerprint, entry.notification_id, status)
        return [refused.get(at) or _result(entry, outcomes, uses) for at, entry in enumerate(batch)]

    async def uses(self, wanted: Iterable[Key]) -> dict[Key, Use]:
        """What keys are in use for; unknown and expired ones are left out."""
        batch = rows.encode({"tenant_id": tenant, "key": key} for tenant, key in sorted(set(wanted)))
        if batch == "[]":
            return {}
        parameters = {"keys": batch, "now": self._clock.now()}

        async def work(connection: Connection) -> dict[Key, Use]:
            cursor = await connection.execute(sql.KEYS, parameters)
            return {
                (tenant, key): Use(bytes(fingerprint), id_, status and Status.read(status))
                for tenant, key, fingerprint, id_, status in await cursor.fetchall()
            }

        return await self._postgres.write(work)

    async def _insert(self, batch: Sequence[Entry], first: FirstClaim | None) -> dict[Ref, Status | PulseError]:
        """Where each entry stands, or why it cannot; those whose key is known are left out.

        A row that PostgreSQL refuses is found by halving, so that it fails alone; nothing is claimed of such a batch,
        which may have been refused for its claims.
        """
        if not batch:
            return {}
        try:
            return await self._write_batch(batch, first)
        except UnstorableValue as error:
            if len(batch) == 1 and first is not None:
                return await self._insert(batch, None)
            if len(batch) == 1:
                return {batch[0].ref: await self._alone(batch[0], error)}
            middle = len(batch) // 2
            return await self._insert(batch[:middle], None) | await self._insert(batch[middle:], None)

    async def _write_batch(self, batch: Sequence[Entry], first: FirstClaim | None) -> dict[Ref, Status | PulseError]:
        outcomes = await self._postgres.write(partial(self._record, batch, first), pipelined=first is not None)
        if first is not None:
            first.committed()
        return outcomes

    async def _record(
        self, batch: Sequence[Entry], first: FirstClaim | None, connection: Connection
    ) -> dict[Ref, Status | PulseError]:
        """Most need nothing but to be written; recipients' profiles are read for the others only."""
        if first is not None:
            first.restart()
        now = self._clock.now()
        acceptance = Acceptance(now, self._settings.redispatch_after, self._settings.critical)
        plain = [self._draft(one, acceptance.of(one, UNKNOWN), now) for one in batch if not one.digest_seconds]
        others = [entry for entry in batch if entry.digest_seconds]
        outcomes: dict[Ref, Status | PulseError] = {}
        if plain:
            unrecorded = await _write(record_sql.record(plain, now), plain, now, connection, first)
            outcomes = {one.ref: one.state.status for one in plain if one.ref not in unrecorded}
            others += [one.entry for one in plain if unrecorded.get(one.ref) == "PROFILE"]
        if others:
            found = await profiles.of_users(connection, [(one.tenant_id, one.user_id) for one in others])
            known = [found.get((one.tenant_id, one.user_id), UNKNOWN) for one in others]
            states = [acceptance.of(*one) for one in zip(others, known, strict=True)]
            drafts = [self._draft(*one, now) for one in zip(others, states, strict=True)]
            unrecorded = await _write(record_sql.record_considered(drafts, now), drafts, now, connection, first, found)
            told = {one.ref: one.state.status for one in drafts if unrecorded.get(one.ref) != "KNOWN"}
            collapsed = {ref: Status.SUPPRESSED for ref, why in unrecorded.items() if why == "COLLAPSED"}
            outcomes |= told | collapsed
        return outcomes

    def _draft(self, entry: Entry, state: InitialState, now: dt.datetime) -> Draft:
        assert entry.channel is not None  # noqa: S101 -- one that has none was refused
        most = self._settings.policies.max_attempts(entry.channel, entry.route[0], entry.max_attempts)
        # Each further channel has all its attempts again: the key outlives the last of them.
        wait = longest_wait(entry.fallbacks, self._horizon) if entry.fallbacks else 0.0
        return Draft(entry, state, most, now + self._settings.key_retention + dt.timedelta(seconds=wait))

    async def _alone(self, entry: Entry, error: UnstorableValue) -> Status | PulseError:
        """What a single refused entry means: a call whose answer was lost recorded it before, or it never can be."""
        if error.sqlstate == _UNIQUE_VIOLATION:
            status = await self._status(entry)
            if status is not None:
                return status
        return error

    async def _status(self, entry: Entry) -> Status | None:
        async def work(connection: Connection) -> Status | None:
            cursor = await connection.execute(sql.STATUSES, rows.refs([entry.ref]))
            row = await cursor.fetchone()
            return None if row is None else Status.read(row[2])

        return await self._postgres.write(work)


def _fresh(entry: Entry, outcome: Status | PulseError) -> RecordResult:
    """What a request gets whose key nothing else was used for."""
    return outcome if isinstance(outcome, PulseError) else Recorded(entry.notification_id, outcome, replayed=False)


async def _write(
    query: Query,
    drafts: Sequence[Draft],
    now: dt.datetime,
    connection: Connection,
    first: FirstClaim | None,
    known: Mapping[tuple[str, str], Profile] = MappingProxyType({}),
) -> dict[Ref, str]:
    """Records what can be; of the others (and those that were collapsed), why."""
    cursor = await connection.execute(*query)
    recording = await first.begin(connection, drafts, known) if first is not None else None
    unrecorded = {(tenant, id_): why for tenant, id_, why in await cursor.fetchall()}
    if first is not None and recording is not None:
        await first.claim(connection, recording, unrecorded, now)
    return unrecorded


def _result(entry: Entry, outcomes: Mapping[Ref, Status | PulseError], uses: Mapping[Key, Use]) -> RecordResult:
    outcome = outcomes.get(entry.ref)
    if isinstance(outcome, PulseError):
        return outcome
    use = uses.get(entry.key) if entry.idempotency_key else None
    if use is not None:
        return keys.result_for(use, entry.fingerprint, entry.notification_id)
    if outcome is not None:
        return _fresh(entry, outcome)
    # Its key expired between two statements, or the entry that went first failed: the next try finds out.
    return PulseError(
        Code.UNAVAILABLE, "KEY_IN_TRANSITION", "the idempotency key is just changing hands", retry_after=1
    )
