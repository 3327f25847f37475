"""Recording: durable, once for each key, and each entry for itself."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from pulse.common.v1 import enums_pb2
from shared.errors import Code, PulseError
from shared.ids import uuid7
from shared.rpc.statuses import from_status
from tests.ledger.calls import Calls, fallback, status_names
from tests.ledger.conftest import NOON

EVERY_TABLE = ("notifications", "deliveries", "events", "idempotency_keys")


async def test_an_entry_comes_back_as_it_was_given(calls: Calls):
    entry = calls.entry(
        "key-1",
        context_json='{"a":"\\u0000 is only text here"}',
        metadata={"order": "7 \N{SNOWMAN}"},
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        decisions=[{"rule": "lane", "result": "HIGH", "reason": "its name has otp"}],
        locale="de-CH",
        category="security",
    )
    (result,) = await calls.record(entry)
    assert (result.notification_id, result.replayed) == (entry.ref.notification_id, False)
    found = await calls.get(entry.ref)
    assert (found.to, found.locale, dict(found.metadata)) == (entry.asked.to, "de-CH", dict(entry.asked.metadata))
    assert (found.trace_id, found.idempotency_key) == ("0af7651916cd43dd8448eb211c80319c", "key-1")
    assert enums_pb2.Status.Name(found.status) == "QUEUED"
    assert [event.decisions[0].reason for event in found.timeline] == ["its name has otp"]


async def test_an_entry_for_later_is_scheduled(calls: Calls, clock):
    later = NOON.replace(hour=18)
    (result,) = await calls.record(calls.entry(not_before=later))
    assert status_names([result]) == ["SCHEDULED"]


async def test_a_time_that_has_passed_is_now(calls: Calls):
    (result,) = await calls.record(calls.entry(not_before=NOON.replace(hour=11)))
    assert status_names([result]) == ["QUEUED"]


async def test_fifty_concurrent_requests_with_one_key_make_one_notification(calls: Calls, database):
    answers = await asyncio.gather(*(calls.record(calls.entry("key-1")) for _ in range(50)))
    results = [answer[0] for answer in answers]
    assert len({result.notification_id for result in results}) == 1
    assert sum(not result.replayed for result in results) == 1
    assert [database.count(table) for table in EVERY_TABLE] == [1, 1, 1, 1]


async def test_concurrent_batches_with_the_same_keys_in_any_order_do_not_block_each_other(calls: Calls, database):
    keys = [f"key-{number}" for number in range(40)]
    batches = [[calls.entry(key) for key in order] for order in (keys, keys[::-1]) for _ in range(4)]
    answers = await asyncio.gather(*(calls.record(*batch) for batch in batches))
    ids = [[result.notification_id for result in answer] for answer in answers]
    assert all(one in (ids[0], ids[0][::-1]) for one in ids)
    assert database.count("notifications") == 40


async def test_a_known_key_answers_where_its_notification_stands_now(calls: Calls):
    ref = await calls.recorded(key="key-1")
    await calls.cancel(ref)
    (replay,) = await calls.record(calls.entry("key-1"))
    assert (replay.notification_id, replay.replayed) == (ref.notification_id, True)
    assert status_names([replay]) == ["CANCELLED"]


async def test_a_known_key_with_another_request_is_refused_without_effect(calls: Calls, database):
    await calls.recorded(key="key-1")
    (refused, other) = await calls.record(calls.entry("key-1", fingerprint=b"another request"), calls.entry("key-2"))
    error = from_status(refused.error)
    assert (error.code, error.reason) == (Code.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED")
    assert (error.metadata["http_status"], bool(error.hint)) == ("422", True)
    assert not other.HasField("error")
    assert database.count("notifications") == 2


async def test_a_key_twice_in_one_batch_is_one_notification(calls: Calls, database):
    first, same, different = await calls.record(
        calls.entry("key-1"), calls.entry("key-1"), calls.entry("key-1", fingerprint=b"another request")
    )
    assert (first.replayed, same.replayed) == (False, True)
    assert first.notification_id == same.notification_id
    assert from_status(different.error).reason == "IDEMPOTENCY_KEY_REUSED"
    assert database.count("notifications") == 1


async def test_tenants_do_not_share_keys(calls: Calls):
    mine, theirs = await calls.record(calls.entry("key-1"), calls.entry("key-1", tenant_id="other"))
    assert mine.notification_id != theirs.notification_id
    assert not theirs.replayed


async def test_an_expired_key_makes_a_new_notification(calls: Calls, clock, database):
    ref = await calls.recorded(key="key-1")
    clock.advance(24 * 3600 - 1)
    (still_known,) = await calls.record(calls.entry("key-1"))
    clock.advance(1)
    (forgotten,) = await calls.lookup(("key-1", b"one request"))
    (taken,) = await calls.record(calls.entry("key-1", fingerprint=b"another request"))
    assert still_known.notification_id == ref.notification_id
    assert forgotten.notification_id == ""
    assert taken.notification_id != ref.notification_id
    assert not taken.replayed
    assert (database.count("notifications"), database.count("idempotency_keys")) == (2, 1)


async def test_an_entry_sent_again_because_its_answer_was_lost_is_the_same_one(calls: Calls, database):
    keyed, keyless = calls.entry("key-1"), calls.entry()
    await calls.record(keyed, keyless)
    again = await calls.record(keyed, keyless, calls.entry())
    assert [result.notification_id for result in again[:2]] == [keyed.ref.notification_id, keyless.ref.notification_id]
    assert not any(result.replayed or result.HasField("error") for result in again)
    assert database.count("notifications") == 3


async def test_keys_are_looked_up_without_recording(calls: Calls, database):
    ref = await calls.recorded(key="key-1")
    known, reused, unknown = await calls.lookup(("key-1", b"one request"), ("key-1", b"another"), ("key-2", b""))
    assert (known.notification_id, known.replayed) == (ref.notification_id, True)
    assert from_status(reused.error).reason == "IDEMPOTENCY_KEY_REUSED"
    assert (unknown.notification_id, unknown.HasField("error")) == ("", False)
    assert database.count("idempotency_keys") == 1


LAST = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
BAD = {
    "NUL in a text": {"user_id": "a\0b"},
    "NUL in a label": {"metadata": {"a": "b\0"}},
    "no tenant": {"tenant_id": ""},
    "an id that is none": {"notification_id": "7"},
    "no route": {"route": []},
    "no lane": {"lane": 0},
    "a channel nobody knows": {"channel": 77},
    "no attempts": {"max_attempts": 0},
    "an address without end": {"to": "x" * 5000},
    "a user too long for an index": {"user_id": "ü" * 1000},
    "a context without end": {"context_json": "x" * 300_000},
    "a time after which none is left": {"not_before": LAST},
    "a time after which none is left for its fallback": {"not_before": LAST, "fallbacks": [fallback()]},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD.keys())
async def test_a_bad_entry_is_refused_alone(calls: Calls, database, fields):
    good, bad, fine = await calls.record(calls.entry("key-1"), calls.entry("key-2", **fields), calls.entry())
    assert from_status(bad.error).code is Code.INVALID_ARGUMENT
    assert not good.HasField("error")
    assert not fine.HasField("error")
    assert [database.count(table) for table in EVERY_TABLE] == [2, 2, 2, 1]


async def test_a_row_that_only_the_database_refuses_fails_alone(calls: Calls, database):
    database.execute("ALTER TABLE notifications ADD CONSTRAINT no_eve CHECK (user_id <> 'eve')")
    entries = [calls.entry(f"key-{n}", user_id="eve" if n == 13 else "ada") for n in range(40)]
    results = await calls.record(*entries)
    assert [n for n, result in enumerate(results) if result.HasField("error")] == [13]
    assert from_status(results[13].error).reason == "VALUE_REFUSED"
    assert [database.count(table) for table in EVERY_TABLE] == [39, 39, 39, 39]


async def test_an_empty_batch_and_one_too_many_are_refused(calls: Calls):
    for entries in ([], [calls.entry() for _ in range(1001)]):
        with pytest.raises(PulseError) as caught:
            await calls.record(*entries)
        assert caught.value.code is Code.INVALID_ARGUMENT


async def test_ids_of_any_time_are_stored(calls: Calls, database):
    """A week that has no partition does not keep a notification out."""
    refs = [await calls.recorded(notification_id=uuid7(NOON.replace(year=year))) for year in (1999, 2026, 2090)]
    assert [(await calls.get(ref)).notification_id for ref in refs] == [ref.notification_id for ref in refs]
    homes = [
        row[0] for row in database.rows("SELECT tableoid::regclass::text FROM deliveries ORDER BY notification_id")
    ]
    assert homes == ["deliveries_default", "deliveries_2026w48", "deliveries_default"]
