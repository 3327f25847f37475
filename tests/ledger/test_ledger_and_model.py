"""The real ledger on real PostgreSQL against a model in memory: whatever is done in whatever order, they agree.

After every step the invariants are read from the tables alone: I1 and I13 (everything accepted is there, once, and is
terminal or pending), I6 (fences grow, one live lease), I7 (only allowed transitions), I9 (attempts bounded, gaps kept,
none after the end), I12 (none after a cancel).
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import itertools
from collections.abc import Collection, Coroutine
from functools import partial
from typing import Any

from hypothesis import HealthCheck
from hypothesis import settings as bounded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.ledger.accept.entries import Entry
from services.ledger.accept.keys import Recorded
from services.ledger.accept.recorder import Recorder, RecorderSettings
from services.ledger.config import LedgerSettings
from services.ledger.draw.bounded_providers import BoundedProviders
from services.ledger.draw.draws import Draws
from services.ledger.move.bulk_replay import BulkReplay
from services.ledger.move.claim import Claimant, Claimer
from services.ledger.move.expire import expire
from services.ledger.move.operate import OperatorActions
from services.ledger.move.receive import Receiver
from services.ledger.move.settle import Settler
from services.ledger.move.transaction import Transactions
from services.ledger.postgres import tenancy
from services.ledger.postgres.postgres import Connection, Postgres
from services.ledger.read.watchers import Watchers
from services.ledger.rpc.asked import for_latest
from services.ledger.rules.attempts import Ending
from services.ledger.rules.delivery import NO_FAILURE, Guarantee, Lane, Outcome
from services.ledger.rules.fallbacks import Fallback
from services.ledger.rules.receipts import Receipt
from services.ledger.rules.settlements import Settlement
from services.ledger.rules.states import Status
from services.ledger.stores.paging import DeadLetterFilter
from services.ledger.stores.receipt_delays import ReceiptDelays
from shared.channel.table import Channel
from shared.clock import FixedClock
from shared.errors import Code, PulseError
from shared.ids import uuid7
from tests.ledger.calls import TENANT
from tests.ledger.conftest import NOON
from tests.ledger.model import DEAD, HAND_BACKS, KEY_LIFE, LEASE, REDISPATCH, RESTING, TAKES_OVER, WAITING, Model, One
from tests.ledger.test_rules import ALLOWED

PICK = st.integers(0, 11)
PROVIDERS = ("first", "second", "text")
FALLBACKS = [
    Fallback(Channel.SMS, "+4915112345678", ["text"], TAKES_OVER.total_seconds()),
    Fallback(Channel.PUSH, "token", ["text"], TAKES_OVER.total_seconds()),
]
#: From where a notification may move on to its next channel.
MOVES_ON = WAITING | {"SENT", "FAILED", "UNDELIVERED"}
LIVE = WAITING | {"SENDING"}
OUTCOMES = st.sampled_from(Outcome.known())
MESSAGE_IDS = st.sampled_from(["", "m-1", "m-2"])
WAITS = st.sampled_from([0.0, 0.0, 3.0, 30.0])

STATES = """
SELECT notification_id::text, status::text, attempt, fence, fallback_index, lease_until, expires_at, max_attempts,
    due_at, fallback_at
FROM deliveries
"""
EVENTS = """
SELECT notification_id::text, kind::text, status::text, fence, outcome::text, recorded_at, next_attempt_at
FROM events ORDER BY notification_id, sequence
"""


class World:
    """A ledger without its server, and the loop it runs in."""

    def __init__(self, settings: LedgerSettings, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.postgres = Postgres(settings)
        self.clock = FixedClock(NOON)
        watchers = Watchers(self.postgres, 60)
        limits = RecorderSettings(REDISPATCH, KEY_LIFE, most_attempts=20, policies=settings.retry_policies)
        self.recorder = Recorder(self.postgres, self.clock, limits)
        delays = ReceiptDelays(self.postgres, self.clock, settings.delay_rules._replace(providers=()))
        bounds = BoundedProviders(self.clock)
        policies = dataclasses.replace(settings.retry_policies, hand_backs=HAND_BACKS)
        transactions = Transactions(self.postgres, self.clock, watchers)
        self.claimer = Claimer(transactions, delays=delays, bounds=bounds, random=lambda: 0.5, for_latest=for_latest)
        self.settler = Settler(transactions, policies, lambda: 0.5)
        self.receiver = Receiver(transactions)
        self.operator = OperatorActions(transactions)
        self.draws = Draws(self.postgres, self.clock, partial(expire, transactions), bounds)
        self.bulk_replay = BulkReplay(transactions, self.clock)

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        """For the platform: what it does is of all tenants."""

        async def all_tenants() -> Any:
            with tenancy.platform():
                return await what

        return self._runner.run(all_tenants())

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        async def work(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(statement)).fetchall()

        return self.run(self.postgres.read(work))

    def begin(self) -> None:
        """From nothing, at noon."""
        self.clock.advance((NOON - self.clock.now()).total_seconds())

        async def work(connection: Connection) -> None:
            await connection.execute("TRUNCATE notifications, deliveries, events, idempotency_keys")

        self.run(self.postgres.maintain(work))


class LedgerAndModel(RuleBasedStateMachine):
    """Every rule does one thing to both."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.model = Model()
        self.fences: list[tuple[str, int]] = []

    @initialize()
    def begin(self) -> None:
        """Three to begin with, as a run that records nothing shows nothing."""
        self.world.begin()
        self.record("key-1", "a", None, None, Guarantee.AT_LEAST_ONCE, 1, 1, 0)
        self.record("", "a", None, None, Guarantee.AT_LEAST_ONCE, 2, 3, 1)
        self.record("", "a", None, None, Guarantee.AT_MOST_ONCE, 1, 2, 2)

    @property
    def now(self) -> dt.datetime:
        return self.world.clock.now()

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.world.run(what)

    def one_of(self, pick: int, statuses: Collection[str]) -> str:
        """One that stands in ``statuses``, if any does: most steps are to lead somewhere.

        In the order of their acceptance: ids are random, and a run must be the same when it is repeated.
        """
        names = [name for name, one in self.model.all.items() if one.status in statuses] or list(self.model.all)
        return names[pick % len(names)]

    @rule(
        key=st.sampled_from(["", "", "key-1", "key-2"]),
        fingerprint=st.sampled_from(["a", "a", "a", "b"]),
        later=st.sampled_from([None, None, 20]),
        life=st.sampled_from([None, None, 15, 400]),
        guarantee=st.sampled_from(Guarantee.known()),
        routes=st.integers(1, 2),
        attempts=st.integers(1, 3),
        fallbacks=st.sampled_from([0, 0, 1, 2]),
    )
    def record(self, key, fingerprint, later, life, guarantee, routes, attempts, fallbacks) -> None:
        now, name = self.now, uuid7(self.now)
        not_before = later and now + dt.timedelta(seconds=later)
        expires_at = life and now + dt.timedelta(seconds=life)
        route = ["first", "second"][:routes]
        entry = Entry(
            *(TENANT, name, "user-1", "welcome", 1, "ada@example.com", "", "{}", key, fingerprint.encode(), "", {}, ""),
            *("", not_before, expires_at, Channel.EMAIL, Lane.HIGH, guarantee, route, attempts, [], False),
            fallbacks=FALLBACKS[:fallbacks],
        )
        start = not_before or now
        at_most_once = guarantee is Guarantee.AT_MOST_ONCE
        one = One(
            "SCHEDULED" if later else "QUEUED", attempts, at_most_once, routes, start, start, expires_at, fallbacks
        )
        one.next_fallback_at = start + TAKES_OVER if fallbacks else None
        (answer,) = self.do(self.world.recorder.record([entry]))
        said = answer.notification_id if isinstance(answer, Recorded) else "refused"
        assert said == self.model.record(name, one, key, fingerprint, now)

    @rule(seconds=st.sampled_from([1, 5, 13, 60, 25 * 3600]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule()
    def draw(self) -> None:
        drawn = self.do(self.world.draws.draw(Lane.HIGH, 1000, REDISPATCH, {}))
        assert {name for _, name in drawn.refs} == self.model.draw(self.now)

    @precondition(lambda self: self.model.all)
    @rule(pick=PICK, shut=st.sampled_from([False, False, False, True]))
    def claim(self, pick: int, shut: bool) -> None:
        """``shut``: the worker must not call any provider."""
        name = self.one_of(pick, LIVE | {"SENT"})
        avoided = PROVIDERS if shut else ()
        claimed, left = self.do(self.world.claimer.claim([(TENANT, name)], Claimant("worker", LEASE, avoided)))
        assert bool(claimed) == self.model.claim(name, self.now, shut) and not left
        assert all(delivery.provider == self.model.all[name].provider for delivery, _ in claimed)
        self.fences += [(name, delivery.fence) for delivery, _ in claimed]

    @precondition(lambda self: self.fences)
    @rule(pick=PICK, outcome=OUTCOMES, message_id=MESSAGE_IDS, wait=WAITS)
    def settle(self, pick: int, outcome: Outcome, message_id: str, wait: float) -> None:
        """Any claim there ever was: most are settled already."""
        self.end(*self.fences[pick % len(self.fences)], outcome, message_id, wait)

    @precondition(lambda self: self.model.all)
    @rule(pick=PICK, outcome=OUTCOMES, message_id=MESSAGE_IDS, wait=WAITS)
    def attempt(self, pick: int, outcome: Outcome, message_id: str, wait: float) -> None:
        """A claim and its settlement, once the time has come."""
        one = self.model.all[self.one_of(pick, LIVE | {"SENT"})]
        self.world.clock.advance(max((one.ready_at - self.now).total_seconds(), 0.0))
        claims = len(self.fences)
        self.claim(pick, False)
        if len(self.fences) > claims:
            self.end(*self.fences[-1], outcome, message_id, wait)

    def end(self, name: str, fence: int, outcome: Outcome, message_id: str, wait: float) -> None:
        settlement = Settlement((TENANT, name), fence, Ending(outcome, provider_message_id=message_id), wait)
        (settled,) = self.do(self.world.settler.settle([settlement]))
        assert settled.applied == self.model.settle(name, fence, outcome.value, message_id, wait, self.now)

    @precondition(lambda self: self.fences)
    @rule(pick=PICK, delivered=st.booleans(), message_id=MESSAGE_IDS, provider=st.sampled_from(PROVIDERS))
    def receive(self, pick: int, delivered: bool, message_id: str, provider: str) -> None:
        name, _ = self.fences[pick % len(self.fences)]
        status = Status.DELIVERED if delivered else Status.UNDELIVERED
        receipt = Receipt((TENANT, name), provider, message_id, status, NO_FAILURE)
        (settled,) = self.do(self.world.receiver.receive([receipt]))
        assert settled.applied == self.model.receive(name, status.value, message_id, provider, self.now)

    @precondition(lambda self: self.model.all)
    @rule(pick=PICK)
    def acknowledge(self, pick: int) -> None:
        name = self.one_of(pick, {"SENT", "SENDING", "RETRYING"})
        acknowledged = self.intervene(self.world.operator.acknowledge((TENANT, name), "phone"))
        assert acknowledged == self.model.acknowledge(name, self.now)

    @precondition(lambda self: self.model.all)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        name = self.one_of(pick, ())
        assert self.intervene(self.world.operator.cancel((TENANT, name), "ops")) == self.model.cancel(name)

    @precondition(lambda self: self.model.all)
    @rule(pick=PICK)
    def replay(self, pick: int) -> None:
        name = self.one_of(pick, DEAD)
        assert self.intervene(self.world.operator.replay((TENANT, name), "ops")) == self.model.replay(name, self.now)

    @rule()
    def replay_all(self) -> None:
        expected = self.model.replayable(self.now)
        replay = self.do(self.world.bulk_replay.replay(DeadLetterFilter(TENANT), "ops", 10_000))
        assert replay.replayed == len(expected)
        for name in expected:
            self.model.replay(name, self.now)
        # So quick a rate sets all of them going within the second, which is more than the model cares for.
        self.world.clock.advance(1)

    def intervene(self, what: Coroutine[Any, Any, bool]) -> bool:
        try:
            return self.do(what)
        except PulseError as error:
            assert error.code is Code.FAILED_PRECONDITION
            return False

    @invariant()
    def they_agree(self) -> None:
        rows = self.world.rows(STATES)
        assert {row[0]: row[1:5] for row in rows} == {name: one.stands() for name, one in self.model.all.items()}
        (counted,) = self.world.rows("SELECT count(*) FROM notifications")
        assert counted == (len(rows),), "I1, I13"
        for name, status, *_, due_at, fallback_at in rows:
            assert (due_at is None) == (self.model.all[name].due_at is None), ("I13", name)
            assert (due_at is None) == (status in RESTING or (status == "SENT" and fallback_at is None)), ("I13", name)
            assert status in RESTING | LIVE | {"SENT"}
        for name, status, _, _, _, lease_until, *_ in rows:
            assert (lease_until is not None) == (status == "SENDING"), ("I6", name)

    @invariant()
    def no_life_breaks_a_promise(self) -> None:
        ends = {row[0]: (row[6], row[7]) for row in self.world.rows(STATES)}
        for name, events in itertools.groupby(self.world.rows(EVENTS), key=lambda row: row[0]):
            check_life([row[1:] for row in events], *ends[name])


def check_life(events: list[tuple[Any, ...]], expires_at: dt.datetime | None, max_attempts: int) -> None:
    """One timeline, by itself."""
    status, fence, tries, earliest = events[0][1], 0, 0, None
    for kind, after, own_fence, outcome, at, next_attempt_at in events[1:]:
        allowed = MOVES_ON if kind == "FALLBACK" else {status, *ALLOWED[status].split()}
        assert (status if kind == "FALLBACK" else after) in allowed, "I7"
        if kind == "ATTEMPT_STARTED":
            assert own_fence == fence + 1, "I6"
            assert status in WAITING, "I12"
            assert expires_at is None or at < expires_at, "I9"
            assert earliest is None or at >= earliest, "I9"
            fence, tries = own_fence, tries + 1
        if kind == "ATTEMPT_ENDED":
            assert own_fence == fence, "I6"
            tries -= outcome == "RELEASED"
            earliest = next_attempt_at
        if kind in ("REPLAYED", "FALLBACK"):
            tries, earliest = 0, next_attempt_at
        assert tries <= max_attempts, "I9"
        status = after


def test_whatever_is_done_ledger_and_model_agree(settings: LedgerSettings) -> None:
    limits = bounded(
        max_examples=40,
        stateful_step_count=40,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with asyncio.Runner() as runner:
        world = World(settings, runner)
        runner.run(world.postgres.open())
        try:
            run_state_machine_as_test(lambda: LedgerAndModel(world), settings=limits)
        finally:
            runner.run(world.postgres.close())
