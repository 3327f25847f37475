"""All that match and wait are taken back; nothing else is."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from pulse.common.v1 import enums_pb2
from services.ledger.move import bulk_cancel
from shared.times import to_duration, to_timestamp
from tests.ledger.calls import Calls, Outcome
from tests.ledger.conftest import NOON

#: Notifications that differ in one thing each, and the filters that find the first but not the second.
TELLING_APART = {
    "user": ({"user_id": "u-1"}, {"user_id": "u-2"}, {"user_id": "u-1"}),
    "template": ({"template_name": "news"}, {"template_name": "olds"}, {"template_name": "news"}),
    "category": ({"category": "news"}, {"category": ""}, {"category": "news"}),
    "channel": ({"channel": enums_pb2.SMS}, {}, {"channel": enums_pb2.SMS}),
    "key": ({"key": "k-1"}, {"key": "k-2"}, {"idempotency_key": "k-1"}),
    "label": ({"metadata": {"a": "1", "b": "2"}}, {"metadata": {"a": "2"}}, {"metadata": {"a": "1"}}),
    "labels": ({"metadata": {"a": "1", "b": "2"}}, {"metadata": {"a": "1"}}, {"metadata": {"a": "1", "b": "2"}}),
    "odd label": (
        {"metadata": {"a'b": "%(x)s", ":c": '"'}},
        {"metadata": {"a'b": ""}},
        {"metadata": {"a'b": "%(x)s", ":c": '"'}},
    ),
}


@pytest.mark.parametrize("name", TELLING_APART)
async def test_what_a_filter_names_is_taken_back_and_the_rest_goes_on(calls: Calls, name: str):
    meant, other, wanted = TELLING_APART[name]
    one, another = await calls.recorded(**meant), await calls.recorded(**other)
    assert await calls.cancel_many(dry_run=True, **wanted) == (1, 0)
    assert (await calls.get(one)).status == enums_pb2.QUEUED
    assert await calls.cancel_many(**wanted) == (1, 1)
    assert (await calls.get(one)).status == enums_pb2.CANCELLED
    assert (await calls.get(one)).timeline[-1].actor == "key-7"
    assert (await calls.get(another)).status == enums_pb2.QUEUED
    assert await calls.cancel_many(**wanted) == (0, 0)


async def test_times_bound_it(calls: Calls, clock):
    early = await calls.recorded()
    clock.advance(60)
    late = await calls.recorded()
    middle = to_timestamp(NOON + dt.timedelta(seconds=30))
    assert await calls.cancel_many(user_id="user-1", created_before=middle) == (1, 1)
    assert [(await calls.get(ref)).status for ref in (early, late)] == [enums_pb2.CANCELLED, enums_pb2.QUEUED]
    clock.advance(1)
    assert await calls.cancel_many(user_id="user-1", created_after=middle) == (1, 1)


async def test_only_what_waits_is_taken_back_whatever_else_matches(calls: Calls, clock):
    scheduled = await calls.recorded(not_before=NOON + dt.timedelta(hours=1))
    retrying, sending, sent = [await calls.recorded() for _ in range(3)]
    for ref, outcome in ((retrying, Outcome.TRANSIENT_FAILURE), (sent, Outcome.SUCCEEDED)):
        (claimed,) = await calls.claim(ref)
        await calls.end(claimed, outcome)
    await calls.claim(sending)
    clock.advance(1)
    assert await calls.cancel_many(user_id="user-1") == (2, 2)
    found = [(await calls.get(ref)).status for ref in (scheduled, retrying, sending, sent)]
    assert found == [enums_pb2.CANCELLED, enums_pb2.CANCELLED, enums_pb2.SENDING, enums_pb2.SENT]


async def test_other_tenants_are_none_of_its_business(calls: Calls, clock):
    own, other = await calls.recorded(), await calls.recorded(tenant_id="globex")
    clock.advance(1)
    assert await calls.cancel_many(user_id="user-1") == (1, 1)
    assert [(await calls.get(ref)).status for ref in (own, other)] == [enums_pb2.CANCELLED, enums_pb2.QUEUED]


async def test_more_than_one_transaction_holds_are_taken_back_once_each_by_all_who_ask(
    calls: Calls, clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bulk_cancel, "_CHUNK", 7)
    entries = [calls.entry(metadata={"campaign": "7"}) for _ in range(40)]
    await calls.record(*entries)
    clock.advance(1)
    answers = await asyncio.gather(*(calls.cancel_many(metadata={"campaign": "7"}) for _ in range(3)))
    assert await calls.cancel_many(metadata={"campaign": "7"}) == (0, 0)
    assert sum(cancelled for _, cancelled in answers) == 40
    for entry in entries:
        assert await calls.timeline(entry.ref) == [("ACCEPTED", "QUEUED"), ("CANCELLED", "CANCELLED")]


async def test_a_call_ends_at_its_bound_and_the_next_goes_on(calls: Calls, clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk_cancel, "_CHUNK", 5)
    monkeypatch.setattr(bulk_cancel, "MOST", 10)
    await calls.record(*(calls.entry() for _ in range(12)))
    clock.advance(1)
    assert await calls.cancel_many(user_id="user-1") == (12, 10)
    assert await calls.cancel_many(user_id="user-1") == (2, 2)


async def test_whole_digests_are_taken_back_with_what_they_would_have_told(calls: Calls, clock):
    fields = {"category": "news", "lane": enums_pb2.LOW, "digest_window": to_duration(3600)}
    refs = [await calls.recorded(**fields) for _ in range(4)]
    clock.advance(1)
    assert (await calls.cancel_many(category="news"))[0] == 1
    # Each of the others takes over from the one before it, and is found as it waits.
    while (await calls.cancel_many(category="news"))[1]:
        pass
    statuses = [(await calls.get(ref)).status for ref in refs]
    assert enums_pb2.SCHEDULED not in statuses and enums_pb2.QUEUED not in statuses
