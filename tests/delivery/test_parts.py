"""The engine's small parts: room, templates, settling."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from services.delivery.ledger import NOTHING_CLAIMED
from services.delivery.rules.claim import ClaimedNotification, Round, Settlement
from services.delivery.rules.provider import succeeded
from services.delivery.rules.room import Room, RoomClosed
from services.delivery.worker.settler import Settler
from services.delivery.worker.templates import TemplateCache
from shared.errors import Code, PulseError
from shared.text.rendering import CompiledTemplate, Text
from tests.delivery import outgoing
from tests.support import eventually


def claim(lease: float) -> ClaimedNotification:
    return outgoing.claim(lease_until=time.monotonic() + lease)


async def test_room_is_given_in_the_order_of_asking() -> None:
    room = Room(2)
    await room.reserve(2)
    order: list[int] = []

    async def ask(number: int, places: int) -> None:
        await room.reserve(places)
        order.append(number)

    asking = [asyncio.create_task(ask(1, 2)), asyncio.create_task(ask(2, 1))]
    await asyncio.sleep(0)
    room.release(1)
    await asyncio.sleep(0)
    assert order == []  # the second would fit, but the first was first
    room.release(1)
    room.release(2)
    await asyncio.gather(*asking)
    assert order == [1, 2]


async def test_who_is_cancelled_with_places_just_given_gives_them_back() -> None:
    room = Room(2)
    await room.reserve(2)
    asking = asyncio.create_task(room.reserve(2))
    await asyncio.sleep(0)
    room.release(2)
    asking.cancel()  # before it has seen what it was given
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (room.taken, room.spare) == (0, 2)


async def test_who_is_cancelled_while_it_waits_holds_nobody_up() -> None:
    room = Room(2)
    await room.reserve(1)
    large, small = asyncio.create_task(room.reserve(2)), asyncio.create_task(room.reserve(1))
    await asyncio.sleep(0)
    large.cancel()
    await asyncio.wait_for(small, 5)
    with pytest.raises(asyncio.CancelledError):
        await large
    assert (room.taken, room.spare) == (2, 0)
    room.release(2)
    assert (room.taken, room.spare) == (0, 2)


async def test_a_cancelled_last_one_leaves_its_room_to_what_may_come() -> None:
    room = Room(2)
    await room.reserve(1)
    large = asyncio.create_task(room.reserve(2))
    await asyncio.sleep(0)
    large.cancel()
    await asyncio.wait([large])
    assert room.spare == 1


async def test_who_is_turned_away_and_cancelled_gives_nothing_back() -> None:
    room = Room(1)
    await room.reserve(1)
    waiting = asyncio.create_task(room.reserve(1))
    await asyncio.sleep(0)
    room.close()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert room.taken == 1


async def test_a_closed_room_turns_all_away() -> None:
    room = Room(1)
    await room.reserve(1)
    waiting = asyncio.create_task(room.reserve(1))
    await asyncio.sleep(0)
    room.close()
    for ask in (waiting, room.reserve(1)):
        with pytest.raises(RoomClosed):
            await ask


async def test_those_who_miss_the_same_template_share_a_fetch_and_the_oldest_is_let_go() -> None:
    fetched: list[str] = []

    async def fetch(_tenant: str, name: str, _version: int) -> CompiledTemplate:
        fetched.append(name)
        await asyncio.sleep(0)
        return CompiledTemplate([Text("", "", "", "hi", "")], "en")

    cache = TemplateCache(fetch, size=2)
    await asyncio.gather(*(cache.get("t", "a", 1) for _ in range(10)))
    assert fetched == ["a"]
    for name in ("b", "a", "c", "a", "b"):
        await cache.get("t", name, 1)
    assert fetched == ["a", "b", "c", "b"]


async def test_a_fetch_that_failed_is_tried_again() -> None:
    calls = 0

    async def fetch(*_: object) -> CompiledTemplate:
        nonlocal calls
        calls += 1
        raise PulseError(Code.UNAVAILABLE, "UNAVAILABLE", "away")

    cache = TemplateCache(fetch, size=2)
    for _ in range(2):
        with pytest.raises(PulseError):
            await cache.get("t", "a", 1)
    assert calls == 2


@pytest.mark.parametrize(
    ("code", "lease", "tries"),
    [(Code.UNAVAILABLE, 0.1, 3), (Code.INVALID_ARGUMENT, 9.0, 1), (Code.UNAVAILABLE, -0.25, 1)],
)
async def test_settling_is_tried_again_until_some_time_after_the_lease_unless_it_is_hopeless(
    code: Code, lease: float, tries: int
) -> None:
    error = PulseError(code, code.name, "no")
    seen, done = 1, list[Settlement]()

    async def ask(*_: object) -> Round:
        nonlocal seen
        seen += 1
        return Round(error, NOTHING_CLAIMED)

    settler, settlement = Settler(ask, done.extend, grace=0.25), Settlement(claim(lease), succeeded("1"))
    settler.failed([settlement], error)
    await eventually(lambda: done == [settlement])
    assert seen >= tries
    assert seen == tries or code is Code.UNAVAILABLE


async def test_each_of_those_that_failed_together_has_its_own_time() -> None:
    error = PulseError(Code.UNAVAILABLE, "UNAVAILABLE", "away")
    asked, done = list[list[Settlement]](), list[Settlement]()

    async def ask(settlements: Sequence[Settlement], *_: object) -> Round:
        asked.append(list(settlements))
        return Round([True] * len(settlements), NOTHING_CLAIMED)

    late, early = Settlement(claim(-0.25), succeeded("1")), Settlement(claim(9.0), succeeded("1"))
    Settler(ask, done.extend, grace=0.25).failed([late, early], error)
    assert done == [late]
    await eventually(lambda: done == [late, early])
    assert asked == [[early]]


async def test_one_settlement_that_is_refused_takes_no_other_down_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    refused = PulseError(Code.INVALID_ARGUMENT, "VALUE_REFUSED", "no")
    batch = [Settlement(claim(9.0), succeeded(str(number))) for number in range(37)]
    asked, done = 0, list[Settlement]()
    bad = {"3", "36"}

    async def ask(settlements: Sequence[Settlement], *_: object) -> Round:
        nonlocal asked
        asked += 1
        blamed = bad & {one.outcome.provider_message_id for one in settlements}
        return Round(refused if blamed else [True] * len(settlements), NOTHING_CLAIMED)

    Settler(ask, done.extend).failed(batch, refused)
    await eventually(lambda: len(done) == len(batch))
    assert {one.outcome.provider_message_id for one in done} == {str(number) for number in range(37)}
    assert capsys.readouterr().out.count("VALUE_REFUSED") == len(bad)
    assert asked < 30


def test_a_settlement_whose_fence_is_stale_is_done_with(capsys: pytest.CaptureFixture[str]) -> None:
    done = list[Settlement]()

    async def ask(*_: object) -> Round:
        raise AssertionError("it is asked no more")

    settlement = Settlement(claim(9.0), succeeded("1"))
    Settler(ask, done.extend).answered([settlement], [False])
    assert done == [settlement]
    assert "STALE_FENCE" in capsys.readouterr().out


async def test_a_large_template_takes_the_room_of_many() -> None:
    fetched: list[str] = []

    async def fetch(_tenant: str, name: str, _version: int) -> CompiledTemplate:
        fetched.append(name)
        return CompiledTemplate([Text("", "", "", "hi" if name != "large" else "x" * 60_000, "")], "en", lazily=True)

    cache = TemplateCache(fetch, 100, most_bytes=240_010)
    for name in ("a", "b", "large", "a", "b", "large"):
        await cache.get("t", name, 1)
    assert fetched == ["a", "b", "large", "a", "b", "large"]
