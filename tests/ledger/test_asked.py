"""What was asked for is kept whole, also what this release does not know, and told in both releases' forms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.asked_pb2 import Asked
from pulse.ledger.v1 import ledger_service_pb2, records_pb2
from services.ledger.accept.entries import LARGEST_DOCUMENT
from services.ledger.rpc import asked as asked_rows
from shared.clock import FixedClock
from shared.ids import uuid7
from shared.rpc.channels import MAX_MESSAGE_BYTES, call
from shared.rpc.statuses import from_status
from shared.times import to_duration
from tests.ledger.calls import TENANT, Calls
from tests.ledger.conftest import NOON
from tests.ledger.test_digests import HOUR, news

FORMER = {
    "user_id": "ada",
    "subject": "Hi",
    "context_json": '{"name": "Ada"}',
    "template_name": "news",
    "template_version": 3,
    "locale": "de",
    "category": "security",
}


def later(size: int = 5) -> bytes:
    """A field of a later release: number 999, so many bytes."""
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
    return b"\xba\x3e" + length + b"x" * size


def with_later(entry: records_pb2.Entry, size: int = 5) -> records_pb2.Entry:
    entry.asked.MergeFromString(later(size))
    return entry


async def former_claim(calls: Calls, ref: records_pb2.NotificationRef) -> records_pb2.ClaimedNotification:
    """As a worker of the release before claims."""
    request = ledger_service_pb2.ClaimRequest(worker_id="old", lease=to_duration(12), refs=[ref])
    (claimed,) = (await call(calls.service.Claim, request)).claimed
    return claimed


def former_entry(**fields: Any) -> records_pb2.Entry:
    """As a router of the release before has it recorded."""
    return records_pb2.Entry(
        ref=records_pb2.NotificationRef(tenant_id=TENANT, notification_id=uuid7(NOON)),
        fingerprint=b"one request",
        lane=enums_pb2.HIGH,
        route=["smtp"],
        max_attempts=3,
        **({"channel": enums_pb2.EMAIL, "to": "ada@example.com", **FORMER} | fields),
    )


async def test_a_router_of_the_release_before_is_understood(calls: Calls):
    entry = former_entry(idempotency_key="key-1", metadata={"team": "a"}, delivery_guarantee=enums_pb2.AT_MOST_ONCE)
    await calls.record(entry)
    found = await calls.get(entry.ref)
    assert (found.user_id, found.to, dict(found.metadata)) == ("ada", "ada@example.com", {"team": "a"})
    assert (found.idempotency_key, found.delivery_guarantee) == ("key-1", enums_pb2.AT_MOST_ONCE)
    (claimed,) = await calls.claim(entry.ref)
    assert claimed.asked == Asked(**FORMER, metadata={"team": "a"})


async def test_a_worker_of_the_release_before_finds_all_where_it_looks(calls: Calls):
    ref = await calls.recorded(**FORMER)
    claimed = await former_claim(calls, ref)
    assert {name: getattr(claimed, name) for name in FORMER} == FORMER
    assert (claimed.to, claimed.channel) == ("ada@example.com", enums_pb2.EMAIL)
    assert not claimed.HasField("asked"), "what it says twice would fill a message twice as fast"


@pytest.mark.parametrize("labels", [{}, {"team": "a", "naïve ☃": '"}'}])
async def test_the_caller_s_labels_reach_the_worker(calls: Calls, labels: dict[str, str]):
    ref = await calls.recorded(metadata=labels)
    (claimed,) = await calls.claim(ref)
    assert dict(claimed.asked.metadata) == labels


async def test_labels_count_in_what_an_answer_holds(calls: Calls):
    """32 labels as long as they may be, of signs of four bytes: some 74 KB each."""
    labels = {f"{n:02}" + "\U0001f600" * 62: "\U0001f600" * 512 for n in range(32)}
    refs = [await calls.recorded(metadata=labels) for _ in range(70)]
    claimed = await calls.claim(*refs)
    assert 1 <= len(claimed) < 70


@pytest.mark.parametrize("size", [1, 5, 100, 200_000])
async def test_what_the_ledger_does_not_know_reaches_the_worker(calls: Calls, size: int):
    ref = (await recorded(calls, with_later(calls.entry(locale="de"), size))).ref
    (claimed,) = await calls.claim(ref)
    assert claimed.asked.SerializeToString().endswith(later(size))
    assert (claimed.asked.user_id, claimed.asked.locale) == ("user-1", "de")


async def test_it_is_kept_once_and_only_where_there_is_something(calls: Calls, database: Any):
    await calls.recorded()
    await recorded(calls, with_later(calls.entry()))
    assert database.rows("SELECT asked FROM notifications ORDER BY asked NULLS FIRST") == [(None,), (later(),)]


async def test_a_digest_s_teller_keeps_what_the_ledger_does_not_know(calls: Calls, clock: FixedClock):
    first, second = [with_later(news(calls, n)) for n in range(2)]
    for entry in (first, second):
        await calls.record(entry)
    clock.advance(HOUR)
    (claimed,) = await calls.claim(first.ref)
    assert claimed.asked.SerializeToString().endswith(later())
    assert json.loads(claimed.asked.context_json)["digest"]["count"] == 2


async def test_too_much_of_it_is_refused_alone(calls: Calls):
    fits, too_much = [with_later(calls.entry(), LARGEST_DOCUMENT - 5 + more) for more in (0, 1)]
    results = await calls.record(fits, too_much, calls.entry())
    assert [result.HasField("error") for result in results] == [False, True, False]
    error = from_status(results[1].error)
    assert [violation.field for violation in error.violations] == ["asked"]


async def test_a_claim_s_answer_has_room_for_it(calls: Calls):
    made = [with_later(calls.entry(), 200_000) for _ in range(100)]
    for first in range(0, 100, 20):
        await calls.record(*made[first : first + 20])
    answer = await calls.claimed(*[one.ref for one in made])
    assert answer.left and answer.ByteSize() < MAX_MESSAGE_BYTES // 2


def test_every_field_has_one_place():
    """Who adds a field has it in the document; a column takes it out of there."""
    known = Asked.DESCRIPTOR.fields_by_name
    assert set(asked_rows.IN_COLUMNS) <= set(known)
    whole = Asked(user_id="ada", context_json="{}")
    whole.MergeFromString(later())
    assert asked_rows.put_together(Asked(), asked_rows.document(whole), user_id="ada", context_json="{}") == whole


def test_what_a_later_release_keeps_in_the_document_is_read():
    stored = Asked(subject="Hi", locale="de").SerializeToString()
    found = asked_rows.put_together(Asked(), stored, user_id="ada", subject="", locale="")
    assert found == Asked(user_id="ada", subject="Hi", locale="de")


async def recorded(calls: Calls, entry: records_pb2.Entry) -> records_pb2.Entry:
    (result,) = await calls.record(entry)
    assert not result.HasField("error"), result.error
    return entry
