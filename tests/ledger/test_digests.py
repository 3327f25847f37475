"""Digests: several notifications of one user and category that become one."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import Any

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import records_pb2
from services.ledger.config import LedgerSettings
from services.ledger.move.digests import MOST_BYTES, MOST_ENTRIES, told
from services.ledger.postgres.postgres import Postgres
from services.ledger.schema.maintenance import Maintenance
from shared.clock import FixedClock
from shared.times import to_duration
from tests.ledger.calls import TENANT, Calls, Outcome, fallback, moment, status_names
from tests.ledger.conftest import NOON
from tests.ledger.test_recipients import Recipients, choice
from tests.ledger.test_retention import agreeing

HOUR = 3600


def news(calls: Calls, number: int, key: str = "", **fields: Any) -> records_pb2.Entry:
    """One of several that can be told together."""
    values = {
        "category": "news",
        "lane": enums_pb2.LOW,
        "digest_window": to_duration(HOUR),
        "context_json": json.dumps({"number": number}),
    }
    return calls.entry(key, **(values | fields))


async def recorded(calls: Calls, clock: FixedClock, count: int = 3, **fields: Any) -> list[records_pb2.NotificationRef]:
    """``count`` of them, a minute apart."""
    refs = []
    for number in range(count):
        entry = news(calls, number, **fields)
        await calls.record(entry)
        refs.append(entry.ref)
        clock.advance(60)
    return refs


async def test_three_become_one_that_tells_all(calls: Calls, clock: FixedClock, database):
    head, *others = await recorded(calls, clock)
    assert await calls.status(head) == "SCHEDULED"
    assert moment((await calls.get(head)).next_attempt_time) == NOON + dt.timedelta(hours=1)
    for ref in others:
        found = await calls.get(ref)
        assert (enums_pb2.Status.Name(found.status), found.collapsed_into) == ("SUPPRESSED", head.notification_id)
        assert [(one.rule, one.result) for one in found.timeline[0].decisions] == [("digest", "SUPPRESSED")]
    assert not (await calls.get(head)).collapsed_into
    assert await calls.claim(head, *others) == []
    clock.advance(HOUR)
    assert [ref.notification_id for ref in (await calls.draw(lane=enums_pb2.LOW)).refs] == [head.notification_id]
    (claimed,) = await calls.claim(head)
    entries = [{"number": number} for number in range(3)]
    assert json.loads(claimed.asked.context_json) == {
        "number": 0,
        "digest": {"count": 3, "omitted": 0, "entries": entries},
    }
    assert database.count("digests") == 0


async def test_one_alone_is_a_digest_of_one(calls: Calls, clock: FixedClock):
    (head,) = await recorded(calls, clock, 1)
    clock.advance(HOUR)
    (claimed,) = await calls.claim(head)
    assert json.loads(claimed.asked.context_json)["digest"] == {"count": 1, "omitted": 0, "entries": [{"number": 0}]}


async def test_a_retry_tells_the_same(calls: Calls, clock: FixedClock):
    head, *_ = await recorded(calls, clock)
    clock.advance(HOUR)
    (first,) = await calls.claim(head)
    await calls.end(first, Outcome.TRANSIENT_FAILURE)
    await calls.record(news(calls, 9))
    clock.advance(600)
    (second,) = await calls.claim(head)
    assert second.asked.context_json == first.asked.context_json


async def test_what_comes_after_its_end_opens_the_next(calls: Calls, clock: FixedClock):
    head, *_ = await recorded(calls, clock)
    clock.advance(HOUR)
    (result,) = await calls.record(news(calls, 3))
    assert status_names([result]) == ["SCHEDULED"]
    (claimed,) = await calls.claim(head)
    assert json.loads(claimed.asked.context_json)["digest"]["count"] == 3
    (joining,) = await calls.record(news(calls, 4))
    assert status_names([joining]) == ["SUPPRESSED"]


async def test_only_what_belongs_together_is_told_together(calls: Calls):
    different = [
        {},
        {"user_id": "user-2"},
        {"category": "offers"},
        {"to": "other@example.com"},
        {"channel": enums_pb2.SMS, "to": "+4915112345678"},
        {"tenant_id": "other"},
    ]
    results = await calls.record(*(news(calls, number, **fields) for number, fields in enumerate(different)))
    assert status_names(results) == ["SCHEDULED"] * len(different)
    results = await calls.record(*(news(calls, number, **fields) for number, fields in enumerate(different)))
    assert status_names(results) == ["SUPPRESSED"] * len(different)


async def test_those_of_one_batch_are_told_together(calls: Calls, clock: FixedClock):
    entries = [news(calls, number) for number in range(5)]
    results = await calls.record(*entries)
    assert sorted(status_names(results)) == ["SCHEDULED", *["SUPPRESSED"] * 4]
    (head,) = [e.ref for e, one in zip(entries, results, strict=True) if one.status == enums_pb2.SCHEDULED]
    clock.advance(HOUR)
    (claimed,) = await calls.claim(head)
    assert json.loads(claimed.asked.context_json)["digest"]["count"] == 5


async def test_two_recorders_open_one_digest(calls: Calls, clock: FixedClock):
    batches = [[news(calls, 10 * batch + number) for number in range(10)] for batch in range(6)]
    answers = await asyncio.gather(*(calls.record(*batch) for batch in batches))
    names = [name for answer in answers for name in status_names(answer)]
    assert sorted(names) == ["SCHEDULED", *["SUPPRESSED"] * 59]
    heads = {
        (await calls.get(entry.ref)).collapsed_into or entry.ref.notification_id for batch in batches for entry in batch
    }
    assert len(heads) == 1
    clock.advance(HOUR)
    ref = records_pb2.NotificationRef(tenant_id=TENANT, notification_id=heads.pop())
    (claimed,) = await calls.claim(ref)
    numbers = [one["number"] for one in json.loads(claimed.asked.context_json)["digest"]["entries"]]
    assert sorted(numbers) == sorted(10 * batch + number for batch in range(6) for number in range(10))


async def test_whoever_is_collapsed_is_told_while_others_claim(calls: Calls, clock: FixedClock):
    """At the end of a digest some still join and one sends: each is told, or opens the next."""
    await calls.record(head := news(calls, 0))
    clock.advance(HOUR)
    joining = [news(calls, number) for number in range(1, 21)]
    claimed, *answers = await asyncio.gather(calls.claim(head.ref), *(calls.record(one) for one in joining))
    clock.advance(HOUR)
    following = [entry.ref for entry, (one,) in zip(joining, answers, strict=True) if one.status == enums_pb2.SCHEDULED]
    claimed += await calls.claim(*following)
    told_ = [one["number"] for each in claimed for one in json.loads(each.asked.context_json)["digest"]["entries"]]
    assert sorted(told_) == list(range(21))


async def test_a_replayed_request_has_its_own_answer(calls: Calls, clock: FixedClock, database):
    await calls.record(news(calls, 0, "key-0"))
    entry = news(calls, 1, "key-1")
    await calls.record(entry)
    (again,) = await calls.record(news(calls, 1, "key-1"))
    assert (again.notification_id, again.replayed) == (entry.ref.notification_id, True)
    assert status_names([again]) == ["SUPPRESSED"]
    assert database.count("notifications") == 2


async def test_a_known_key_opens_no_digest(calls: Calls, database):
    await calls.recorded(key="key-1", category="news")
    (again,) = await calls.record(news(calls, 1, "key-1"))
    assert again.replayed
    assert database.count("digests") == 0


async def test_cancelling_the_one_that_tells_closes_the_digest(calls: Calls, clock: FixedClock, database):
    head, *_ = await recorded(calls, clock, 1)
    await calls.cancel(head)
    assert database.count("digests") == 0
    (result,) = await calls.record(news(calls, 1))
    assert status_names([result]) == ["SCHEDULED"]


def decided(event: Any) -> list[tuple[str, str]]:
    return [(one.rule, one.result) for one in event.decisions]


async def test_one_that_joined_takes_the_place_of_the_cancelled(calls: Calls, clock: FixedClock, database):
    head, heir, other = await recorded(calls, clock)
    await calls.cancel(head)
    assert await calls.timeline(heir) == [("ACCEPTED", "SUPPRESSED"), ("DEFERRED", "SCHEDULED")]
    assert moment((await calls.get(heir)).next_attempt_time) == NOON + dt.timedelta(hours=1)
    assert not (await calls.get(heir)).collapsed_into
    assert (await calls.get(other)).collapsed_into == heir.notification_id
    explained = [(await calls.get(ref)).timeline[-1] for ref in (head, heir)]
    assert [decided(event) for event in explained] == [[("digest", "PASSED_ON")], [("digest", "SCHEDULED")]]
    assert heir.notification_id in explained[0].decisions[0].reason
    (joining,) = await calls.record(news(calls, 3))
    assert status_names([joining]) == ["SUPPRESSED"]
    clock.advance(HOUR)
    assert [ref.notification_id for ref in (await calls.draw(lane=enums_pb2.LOW)).refs] == [heir.notification_id]
    (claimed,) = await calls.claim(heir)
    assert [one["number"] for one in json.loads(claimed.asked.context_json)["digest"]["entries"]] == [1, 2, 3]
    assert database.count("digests") == 0


async def test_whoever_cancels_them_all_one_by_one_leaves_nothing(calls: Calls, clock: FixedClock, database):
    refs = await recorded(calls, clock)
    for ref in refs:
        await calls.cancel(ref)
    assert [await calls.status(ref) for ref in refs] == ["CANCELLED"] * 3
    assert database.count("digests") == 0


async def test_a_digest_outlives_the_one_that_expired(calls: Calls, clock: FixedClock):
    (head,) = await recorded(calls, clock, 1, expires_at=NOON + dt.timedelta(minutes=61))
    too_late, heir = (news(calls, 1, expires_at=NOON + dt.timedelta(minutes=62)), news(calls, 2))
    await calls.record(too_late)
    await calls.record(heir)
    clock.advance(2 * HOUR)
    assert (await calls.draw(lane=enums_pb2.LOW)).refs == []
    assert await calls.timeline(head) == [("ACCEPTED", "SCHEDULED"), ("EXPIRED", "EXPIRED")]
    assert await calls.status(too_late.ref) == "SUPPRESSED"
    assert list((await calls.draw(lane=enums_pb2.LOW)).refs) == [heir.ref]
    (claimed,) = await calls.claim(heir.ref)
    assert [one["number"] for one in json.loads(claimed.asked.context_json)["digest"]["entries"]] == [2, 1]


async def test_what_failed_once_and_is_cancelled_passes_its_digest_on(calls: Calls, clock: FixedClock):
    head, once, heir = (news(calls, number) for number in range(3))
    once.asked.delivery_guarantee = enums_pb2.AT_MOST_ONCE
    for entry in (head, once, heir):
        await calls.record(entry)
    clock.advance(HOUR)
    (claimed,) = await calls.claim(head.ref)
    await calls.end(claimed, Outcome.UNANSWERED)
    await calls.cancel(head.ref)
    assert await calls.status(once.ref) == "SUPPRESSED"
    clock.advance(600)
    (claimed,) = await calls.claim(heir.ref)
    assert json.loads(claimed.asked.context_json)["digest"]["count"] == 2


async def test_a_suppressed_one_passes_its_digest_on_to_who_has_another_channel(calls: Calls, clock: FixedClock):
    head, _ = await recorded(calls, clock, 2)
    await calls.record(heir := news(calls, 2, fallbacks=[fallback(after=None)]))
    await Recipients(calls).suppress(channel=enums_pb2.EMAIL)
    clock.advance(HOUR)
    assert await calls.claim(head) == []
    assert await calls.status(head) == "SUPPRESSED"
    clock.advance(1)
    (claimed,) = await calls.claim(heir.ref)
    assert claimed.channel == enums_pb2.SMS
    assert json.loads(claimed.asked.context_json)["digest"]["count"] == 2


async def test_a_dead_letter_keeps_its_digest_for_its_replay(calls: Calls, clock: FixedClock):
    head, other = await recorded(calls, clock, 2)
    clock.advance(HOUR)
    (claimed,) = await calls.claim(head)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE)
    assert await calls.status(other) == "SUPPRESSED"
    await calls.replay(head)
    (claimed,) = await calls.claim(head)
    assert json.loads(claimed.asked.context_json)["digest"]["count"] == 2


async def test_whoever_joins_while_the_first_is_cancelled_is_told(calls: Calls, clock: FixedClock):
    await calls.record(head := news(calls, 0))
    joining = [news(calls, number) for number in range(1, 21)]
    await asyncio.gather(calls.cancel(head.ref), *(calls.record(one) for one in joining))
    clock.advance(HOUR)
    due = (await calls.draw(lane=enums_pb2.LOW)).refs
    claimed = await calls.claim(*due)
    numbers = [one["number"] for each in claimed for one in json.loads(each.asked.context_json)["digest"]["entries"]]
    assert sorted(numbers) == list(range(1, 21))


async def test_high_waits_for_no_digest_and_tells_itself_alone(calls: Calls, clock: FixedClock):
    await recorded(calls, clock, 1)
    await calls.record(code := news(calls, 1, lane=enums_pb2.HIGH))
    assert await calls.status(code.ref) == "QUEUED"
    assert decided((await calls.get(code.ref)).timeline[0]) == [("digest", "HIGH")]
    (claimed,) = await calls.claim(code.ref)
    assert json.loads(claimed.asked.context_json)["digest"] == {"count": 1, "omitted": 0, "entries": [{"number": 1}]}


async def test_what_could_not_wait_tells_itself_alone(calls: Calls, clock: FixedClock):
    """Its template speaks of a digest, and must find one."""
    alone = [news(calls, number, expires_at=NOON + dt.timedelta(minutes=30)) for number in range(2)]
    await calls.record(*alone)
    claimed = await calls.claim(*(entry.ref for entry in alone))
    assert [json.loads(one.asked.context_json)["digest"]["count"] for one in claimed] == [1, 1]


async def test_what_could_not_wait_or_has_its_own_time_is_sent_by_itself(calls: Calls):
    results = await calls.record(
        news(calls, 0, expires_at=NOON + dt.timedelta(minutes=30)),
        news(calls, 1, not_before=NOON + dt.timedelta(minutes=30)),
        news(calls, 2),
        news(calls, 3, expires_at=NOON + dt.timedelta(minutes=30)),
    )
    assert status_names(results) == ["QUEUED", "SCHEDULED", "SCHEDULED", "QUEUED"]


async def test_a_digest_whose_end_lies_in_quiet_hours_goes_on_until_they_are_over(calls: Calls, clock: FixedClock):
    await Recipients(calls).prefer(quiet_from="12:30", quiet_until="20:00")
    head, *_ = await recorded(calls, clock)
    clock.advance(4 * HOUR)
    (result,) = await calls.record(news(calls, 3))
    assert status_names([result]) == ["SUPPRESSED"]
    clock.advance(4 * HOUR)
    (claimed,) = await calls.claim(head)
    assert json.loads(claimed.asked.context_json)["digest"]["count"] == 4


async def test_what_the_recipient_does_not_want_is_told_nowhere(calls: Calls, clock: FixedClock):
    await Recipients(calls).prefer(choices=[choice(enums_pb2.EMAIL, False)])
    (ref,) = await recorded(calls, clock, 1)
    found = await calls.get(ref)
    assert enums_pb2.Status.Name(found.status) == "SUPPRESSED"
    assert not found.collapsed_into


async def test_a_suppression_before_its_end_holds_for_the_digest(calls: Calls, clock: FixedClock, database):
    head, *_ = await recorded(calls, clock)
    await Recipients(calls).suppress(channel=enums_pb2.EMAIL)
    clock.advance(HOUR)
    assert await calls.claim(head) == []
    assert await calls.status(head) == "SUPPRESSED"
    assert database.count("digests") == 0


async def test_digests_that_ended_leave(calls: Calls, clock: FixedClock, settings: LedgerSettings, database):
    await recorded(calls, clock, 1)
    postgres = Postgres(settings)
    await postgres.open()
    try:
        await Maintenance(postgres, clock, settings, agreeing(clock)).run()
        assert database.count("digests") == 1
        clock.advance(25 * HOUR)
        await Maintenance(postgres, clock, settings, agreeing(clock)).run()
        assert database.count("digests") == 0
    finally:
        await postgres.close()


async def test_a_digest_tells_so_many_and_so_much_at_the_most(calls: Calls, clock: FixedClock):
    for user, count, text in (("many", 150, ""), ("large", 5, "x" * 100_000)):
        entries = [news(calls, n, user_id=user, context_json=json.dumps({"text": text})) for n in range(count)]
        for entry in entries:
            await calls.record(entry)
    clock.advance(HOUR)
    claimed = await calls.claim(*(await calls.draw(lane=enums_pb2.LOW)).refs)
    digests = {one.asked.user_id: json.loads(one.asked.context_json)["digest"] for one in claimed}
    assert (digests["many"]["count"], len(digests["many"]["entries"])) == (150, MOST_ENTRIES)
    assert (digests["large"]["count"], len(digests["large"]["entries"])) == (5, MOST_BYTES // 100_000)


def test_contexts_are_told_as_they_were_given():
    text = told(['{"amount": 12345678901234567890, "digest": 1}', "{ }", "{}"], 3)
    assert '"entries": [{"amount": 12345678901234567890, "digest": 1}, { }, {}]' in text
    assert json.loads(text)["digest"]["count"] == 3
    assert json.loads(told(["{}"], 1)) == {"digest": {"count": 1, "omitted": 0, "entries": [{}]}}
