"""A claim's answer is had, however large what it claims: what does not fit is not claimed, and is named."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_service_pb2, records_pb2
from services.ledger.accept.entries import LONGEST
from services.ledger.move import content, digests
from shared.clock import FixedClock
from shared.rpc.channels import MAX_MESSAGE_BYTES
from tests.ledger.calls import TENANT, Calls, Outcome
from tests.ledger.test_digests import HOUR, news

#: The longest context that the front door lets through, and the longest that the ledger does.
LONG, LONGEST_CONTEXT = 64 * 1024, LONGEST["context_json"]

Refs = list[records_pb2.NotificationRef]
Claimed = dict[str, records_pb2.ClaimedNotification]


def context(size: int, letter: str = "x") -> str:
    """JSON of so many bytes."""
    return json.dumps({"text": letter * ((size - 12) // len(letter.encode()))}, ensure_ascii=False)


async def recorded(calls: Calls, *entries: records_pb2.Entry) -> Refs:
    """Recorded in portions that a message can hold."""
    for first in range(0, len(entries), 20):
        for result in await calls.record(*entries[first : first + 20]):
            assert not result.HasField("error"), result.error
    return [one.ref for one in entries]


async def claim_all(calls: Calls, refs: Refs) -> tuple[Claimed, list[ledger_service_pb2.ClaimResponse]]:
    """Claims as a worker does: what was left, at once. By id, and the answers."""
    claimed: Claimed = {}
    answers = []
    while refs:
        answer = await calls.claimed(*refs)
        answers.append(answer)
        assert answer.ByteSize() < MAX_MESSAGE_BYTES
        assert len(answer.left) < len(refs)
        assert not claimed.keys() & {one.ref.notification_id for one in answer.claimed}
        claimed |= {one.ref.notification_id: one for one in answer.claimed}
        refs = list(answer.left)
    return claimed, answers


@pytest.mark.parametrize(
    ("guarantee", "count", "size", "letter"),
    [
        (enums_pb2.AT_MOST_ONCE, 400, LONG, "x"),
        (enums_pb2.AT_MOST_ONCE, 80, LONGEST_CONTEXT, "😀"),
        (enums_pb2.AT_LEAST_ONCE, 80, LONGEST_CONTEXT, "x"),
        (enums_pb2.AT_LEAST_ONCE, 1000, 200, "x"),
    ],
)
async def test_each_is_claimed_once_with_one_attempt(
    calls: Calls, database: Any, guarantee: Any, count: int, size: int, letter: str
):
    said = context(size, letter)
    entries = [calls.entry(delivery_guarantee=guarantee, context_json=said) for _ in range(count)]
    refs = await recorded(calls, *entries)
    claimed, answers = await claim_all(calls, refs)
    assert claimed.keys() == {ref.notification_id for ref in refs}
    assert all(one.attempt == 1 and one.asked.context_json == said for one in claimed.values())
    assert (len(answers) == 1) is (count * size < content.MOST_BYTES)
    await calls.settle(
        *(records_pb2.Settlement(ref=r.ref, fence=r.fence, outcome=Outcome.SUCCEEDED) for r in claimed.values())
    )
    assert database.rows("SELECT status, attempt, count(*) FROM deliveries GROUP BY 1, 2") == [("SENT", 1, count)]


async def test_what_is_left_is_as_it_was(calls: Calls, database: Any):
    refs = await recorded(calls, *(calls.entry(context_json=context(LONG)) for _ in range(100)))
    answer = await calls.claimed(*refs)
    assert len(answer.claimed) == content.MOST_BYTES // (LONG + 1_000)
    assert len(answer.claimed) + len(answer.left) == 100
    for ref in answer.left[:3]:
        assert await calls.status(ref) == "QUEUED"
        assert await calls.timeline(ref) == [("ACCEPTED", "QUEUED")]
    assert database.rows("SELECT DISTINCT attempt FROM deliveries WHERE status = 'QUEUED'") == [(0,)]


async def test_the_light_do_not_wait_for_the_heavy(calls: Calls):
    heavy = await recorded(calls, *(calls.entry(context_json=context(LONGEST_CONTEXT)) for _ in range(30)))
    light = await recorded(calls, *(calls.entry(tenant_id="other") for _ in range(30)))
    answer = await calls.claimed(*heavy, *light)
    assert {ref.notification_id for ref in light} <= {one.ref.notification_id for one in answer.claimed}
    assert {ref.notification_id for ref in answer.left} < {ref.notification_id for ref in heavy}


async def test_what_may_not_be_sent_takes_no_room_for_ever(calls: Calls, clock: FixedClock):
    later = [calls.entry(context_json=context(LONG), not_before=clock.now() + dt.timedelta(hours=1)) for _ in range(70)]
    now = [calls.entry(context_json=context(LONGEST_CONTEXT)) for _ in range(5)]
    refs = await recorded(calls, *later, *now)
    claimed, _ = await claim_all(calls, refs)
    assert claimed.keys() == {one.ref.notification_id for one in now}


@pytest.mark.parametrize(("count", "entries", "size"), [(130, 4, LONG), (20, 2, LONGEST_CONTEXT), (130, 12, 100)])
async def test_digests(calls: Calls, clock: FixedClock, database: Any, count: int, entries: int, size: int):
    said = context(size)
    made = [news(calls, 0, user_id=f"user-{n % count}", context_json=said) for n in range(count * entries)]
    await recorded(calls, *made)
    clock.advance(HOUR)
    due = await calls.draw(limit=1000, lane=enums_pb2.LOW)
    assert len(due.refs) == count
    claimed, answers = await claim_all(calls, list(due.refs))
    assert len(claimed) == count
    for one in claimed.values():
        told = json.loads(one.asked.context_json)["digest"]
        assert told["count"] == entries
        assert len(told["entries"]) == min(entries, max(1, digests.MOST_BYTES // size))
        assert one.attempt == 1
    assert (len(answers) == 1) is (count * entries * size < content.MOST_BYTES)
    assert database.rows("SELECT max(attempt), max(fence) FROM deliveries") == [(1, 1)]


async def test_what_joins_while_its_digest_is_left_opens_another(calls: Calls, clock: FixedClock):
    """A digest that has ended takes nothing in, whether its teller was claimed or left."""
    made = [news(calls, 0, user_id=f"user-{n}", context_json=context(LONGEST_CONTEXT)) for n in range(20)]
    await recorded(calls, *made)
    clock.advance(HOUR)
    answer = await calls.claimed(*(one.ref for one in made))
    assert answer.left
    user = (await calls.get(answer.left[0])).user_id
    (late,) = await recorded(calls, news(calls, 1, user_id=user))
    assert await calls.status(late) == "SCHEDULED"
    (claimed,) = await calls.claim(answer.left[0])
    assert json.loads(claimed.asked.context_json)["digest"]["count"] == 1


async def test_the_largest_that_can_be_goes_alone(calls: Calls, clock: FixedClock):
    """All that is bounded at its bound: below what a message holds, as many of them as a claim may ask for."""
    longest = {name: "ä" * (LONGEST[name] // 2) for name in ("user_id", "subject", "category")}
    made = [news(calls, 0, to="a" * 4096, context_json=context(LONGEST_CONTEXT), **longest) for _ in range(3)]
    await recorded(calls, *made)
    clock.advance(HOUR)
    answer = await calls.claimed(*(one.ref for one in made))
    (claimed,) = answer.claimed
    assert 2 * LONGEST_CONTEXT < answer.ByteSize() < content.MOST_BYTES
    assert claimed.ref.tenant_id == TENANT
