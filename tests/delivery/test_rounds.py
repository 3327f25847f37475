"""Outcomes and wishes travel together, and neither is lost with the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import grpc
import pytest

from services.delivery.config import DeliverySettings
from services.delivery.ledger import LedgerClient
from services.delivery.rules.claim import Round
from services.delivery.rules.provider import Outcome, Outgoing, succeeded
from services.delivery.worker.engine import Engine
from shared.refs import Ref
from shared.rpc.channels import open_channel
from tests.delivery.fakes import FakeLedger, FakeProvider
from tests.support import eventually

Make = Callable[[FakeProvider], Engine]
#: Claims that fill a worker's hands, and what it claims at once.
HANDS, CHUNK = 16, 2


@pytest.fixture
async def make(ledger: tuple[FakeLedger, str]) -> AsyncIterator[Make]:
    """Makes an engine whose hands are soon full."""
    channel = open_channel(ledger[1])
    engines: list[Engine] = []

    def make(provider: FakeProvider) -> Engine:
        client = LedgerClient(channel, worker_id="test", lease=12.0)
        engines.append(Engine(client, {provider.name: provider}, DeliverySettings(), HANDS))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.stop()
    await channel.close()


async def sent_in_full(ledger: FakeLedger, engine: Engine, count: int = 20 * HANDS) -> list[Ref]:
    """So many, by tasks that wait for room beside each other, until all are settled."""
    refs = [ledger.add("ada@example.org") for _ in range(count)]
    await asyncio.gather(*(engine.take(refs[start::4]) for start in range(4)))
    await eventually(lambda: len(ledger.settled) == count)
    return refs


async def test_outcomes_travel_with_wishes(make: Make, ledger: tuple[FakeLedger, str]) -> None:
    refs = await sent_in_full(ledger[0], make(FakeProvider()))
    assert all(ledger[0].outcome(ref) == "SUCCEEDED" for ref in refs)
    assert ledger[0].round_calls > 10
    assert ledger[0].settle_calls - ledger[0].round_calls < ledger[0].round_calls


async def test_what_no_wish_follows_is_settled_at_once_together(make: Make, ledger: tuple[FakeLedger, str]) -> None:
    refs = [ledger[0].add("ada@example.org") for _ in range(2)]
    await make(FakeProvider()).take(refs)
    await eventually(lambda: len(ledger[0].settled) == 2)
    assert (ledger[0].round_calls, ledger[0].settle_calls) == (0, 1)


@pytest.mark.parametrize("code", ["UNIMPLEMENTED", "PERMISSION_DENIED", "INVALID_ARGUMENT"])
async def test_a_ledger_that_refuses_the_one_call_is_asked_by_two_and_remembered(
    make: Make, ledger: tuple[FakeLedger, str], code: str
) -> None:
    ledger[0].former, ledger[0].refuses_by = True, grpc.StatusCode[code]
    refs = await sent_in_full(ledger[0], make(FakeProvider()))
    assert all(ledger[0].outcome(ref) == "SUCCEEDED" for ref in refs)
    assert ledger[0].refused_rounds <= 2  # calls that were under way together


async def test_a_ledger_that_was_brought_up_to_date_is_asked_by_one_call_again(
    make: Make, ledger: tuple[FakeLedger, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.delivery.ledger.FORMER_SECONDS", 0.0)
    ledger[0].former = True
    engine = make(FakeProvider())
    await sent_in_full(ledger[0], engine)
    ledger[0].former = False
    ledger[0].settled.clear()
    await sent_in_full(ledger[0], engine)
    assert ledger[0].round_calls > 0


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE])
async def test_claims_are_sent_though_the_settlements_beside_them_failed(
    make: Make, ledger: tuple[FakeLedger, str], code: grpc.StatusCode
) -> None:
    ledger[0].settle_error = code
    refs = await sent_in_full(ledger[0], make(FakeProvider()), count=4 * HANDS)
    assert all(ledger[0].outcome(ref) == "SUCCEEDED" for ref in refs)
    assert ledger[0].round_calls > 0


async def test_settlements_count_though_the_claim_beside_them_failed(
    make: Make, ledger: tuple[FakeLedger, str]
) -> None:
    ledger[0].claim_error = grpc.StatusCode.UNAVAILABLE
    opened = asyncio.Event()

    async def answer(_: Outgoing) -> Outcome:
        await opened.wait()
        return succeeded("1")

    engine = make(FakeProvider(answer=answer))
    refs = [ledger[0].add("ada@example.org") for _ in range(2 * HANDS)]
    taking = asyncio.create_task(engine.take(refs))
    await eventually(lambda: len(ledger[0].held) == HANDS)
    opened.set()
    await taking
    await eventually(lambda: len(ledger[0].settled) == len(refs))


async def test_a_batch_of_outcomes_waits_for_nobody(make: Make, ledger: tuple[FakeLedger, str]) -> None:
    """A worker whose hands are full of what ends one by one settles in batches all the same."""
    order: Sequence[Ref] = await sent_in_full(ledger[0], make(FakeProvider(concurrency=1)), count=4 * HANDS)
    assert len(order) == 4 * HANDS
    assert ledger[0].settle_calls < 4 * HANDS


async def test_what_breaks_a_call_loses_no_outcome_and_ends_no_loop(
    make: Make, ledger: tuple[FakeLedger, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a reference that nothing can be made of: whoever wished for it is told, and all else goes on."""
    engine = make(FakeProvider())
    at_once = LedgerClient._at_once
    broken = 0

    async def breaking(*call: object) -> Round:
        nonlocal broken
        broken += 1
        if broken == 1:
            raise ValueError("no request can be made of it")
        return await at_once(*call)

    monkeypatch.setattr(LedgerClient, "_at_once", breaking)
    refs = [ledger[0].add("ada@example.org") for _ in range(20 * HANDS)]
    told = await asyncio.gather(*(engine.take(refs[start::4]) for start in range(4)), return_exceptions=True)
    assert ValueError in map(type, told)
    claimed = {*ledger[0].held}
    await eventually(lambda: {*ledger[0].settled} == claimed)
    again = ledger[0].add("ada@example.org")
    await engine.take([again])
    await eventually(lambda: ledger[0].outcome(again) == "SUCCEEDED")


async def test_a_ledger_that_settles_nothing_is_asked_for_no_more_than_hands_hold(
    make: Make, ledger: tuple[FakeLedger, str]
) -> None:
    """As many outcomes may wait for it as claims may be in hand; then these keep their places."""
    ledger[0].settle_error, ledger[0].settle_failures = grpc.StatusCode.UNAVAILABLE, 1_000_000
    refs = [ledger[0].add("ada@example.org") for _ in range(4 * HANDS)]
    taking = asyncio.create_task(make(FakeProvider()).take(refs))
    await eventually(lambda: len(ledger[0].held) == 2 * HANDS)
    tried = ledger[0].settle_calls
    await eventually(lambda: ledger[0].settle_calls >= tried + 3)
    assert len(ledger[0].held) == 2 * HANDS
    ledger[0].settle_error, ledger[0].settle_failures = None, 0
    await taking
    await eventually(lambda: len(ledger[0].settled) == len(refs))


async def test_an_answer_that_says_nothing_of_some_outcomes_is_none(make: Make, ledger: tuple[FakeLedger, str]) -> None:
    ledger[0].short_answers = 3
    refs = await asyncio.wait_for(sent_in_full(ledger[0], make(FakeProvider()), count=4 * HANDS), 20)
    assert ledger[0].short_answers == 0
    assert all(ledger[0].outcome(ref) == "SUCCEEDED" for ref in refs)


@pytest.mark.parametrize("given_up", [1, 3])
async def test_who_gives_up_wishing_leaves_the_worker_the_hands_it_has(
    make: Make, ledger: tuple[FakeLedger, str], given_up: int
) -> None:
    """What is claimed for nobody has its places all the same, and they are given back once."""
    opened, ledger[0].answers = asyncio.Event(), asyncio.Event()

    async def answer(_: Outgoing) -> Outcome:
        await opened.wait()
        return succeeded("1")

    engine = make(FakeProvider(answer=answer))
    refs = [ledger[0].add("ada@example.org") for _ in range(4 * HANDS)]
    takers = [asyncio.create_task(engine.take(refs[number * CHUNK :][:CHUNK])) for number in range(given_up + 1)]
    await eventually(lambda: len(ledger[0].held) == len(takers) * CHUNK)
    for taker in takers[:given_up]:
        taker.cancel()
    await asyncio.wait(takers[:given_up])
    ledger[0].answers.set()
    await takers[-1]
    waiting = asyncio.create_task(engine.take(refs[len(takers) * CHUNK :]))
    await eventually(lambda: len(ledger[0].held) >= HANDS)
    await asyncio.wait({waiting}, timeout=0.2)
    assert len(ledger[0].held) == HANDS
    opened.set()
    await waiting
    await eventually(lambda: len(ledger[0].settled) == len(refs))
