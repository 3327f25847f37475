"""Reading: one, pages, sums."""

from __future__ import annotations

import datetime as dt

import pytest

from pulse.common.v1 import enums_pb2
from pulse.ledger.v1 import ledger_reader_pb2, records_pb2
from services.ledger.read import buckets
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from shared.times import from_duration, to_duration
from tests.ledger.calls import TENANT, Calls, Outcome
from tests.ledger.conftest import NOON


async def one_of_each(calls: Calls, clock) -> dict[str, str]:
    """Notifications that differ in one thing each, a minute apart; their ids by that thing."""
    made = {
        "plain": {},
        "user": {"user_id": "user-2"},
        "template": {"template_name": "goodbye"},
        "channel": {"channel": enums_pb2.SMS},
        "scheduled": {"not_before": NOON + dt.timedelta(days=1)},
        "failed": {"route": ["other"]},
        "tenant": {"tenant_id": "other"},
    }
    ids = {}
    for name, fields in made.items():
        ref = await calls.recorded(**fields)
        ids[name] = ref.notification_id
        if name == "failed":
            (claimed,) = await calls.claim(ref)
            await calls.end(claimed, Outcome.PERMANENT_FAILURE, code="NO_SUCH_MAILBOX")
        clock.advance(60)
    return ids


EVERY = ["failed", "scheduled", "channel", "template", "user", "plain"]
FILTERS = {
    "user": ({"user_id": "user-2"}, ["user"]),
    "template": ({"template_name": "goodbye"}, ["template"]),
    "channel": ({"channel": enums_pb2.SMS}, ["channel"]),
    "one status": ({"statuses": [enums_pb2.FAILED]}, ["failed"]),
    "statuses": ({"statuses": [enums_pb2.FAILED, enums_pb2.SCHEDULED]}, ["failed", "scheduled"]),
    "a live status": ({"statuses": [enums_pb2.QUEUED], "user_id": "user-2"}, ["user"]),
    "a status that none has": ({"statuses": [enums_pb2.SENT]}, []),
    "provider": ({"provider": "other"}, ["failed"]),
    "failure": ({"failure_code": "NO_SUCH_MAILBOX"}, ["failed"]),
    "another failure": ({"failure_code": "BUSY"}, []),
    "after": ({"created_after": NOON + dt.timedelta(minutes=4)}, ["failed", "scheduled"]),
    "after no time of ours": ({"created_after": dt.datetime.min.replace(tzinfo=dt.UTC)}, EVERY),
    "after the epoch": ({"created_after": dt.datetime(1969, 12, 31, tzinfo=dt.UTC)}, EVERY),
    "before the epoch": ({"created_before": dt.datetime(1960, 1, 1, tzinfo=dt.UTC)}, []),
    "before the last time": ({"created_before": dt.datetime.max.replace(tzinfo=dt.UTC)}, EVERY),
    "after the last time": ({"created_after": dt.datetime.max.replace(tzinfo=dt.UTC)}, []),
    "before": ({"created_before": NOON + dt.timedelta(minutes=1)}, ["plain"]),
    "tenant": ({"tenant_id": "other"}, ["tenant"]),
    "all at once": (
        {"statuses": [enums_pb2.FAILED], "channel": enums_pb2.EMAIL, "user_id": "user-1", "created_after": NOON},
        ["failed"],
    ),
}


async def test_filters_find_what_they_say_newest_first(calls: Calls, clock):
    ids = await one_of_each(calls, clock)
    for name, (fields, wanted) in FILTERS.items():
        assert await calls.ids(**fields) == [ids[each] for each in wanted], name


@pytest.mark.parametrize("fields", [{}, {"user_id": "user-1"}, {"template_name": "welcome"}])
async def test_pages_follow_each_other_without_gap_or_repetition(calls: Calls, fields):
    refs = [await calls.recorded() for _ in range(7)]
    found, token, pages = [], "", 0
    while pages == 0 or token:
        page = await calls.page(page_size=3, page_token=token, **fields)
        found += [one.notification_id for one in page.notifications]
        token, pages = page.next_page_token, pages + 1
    assert found == sorted((ref.notification_id for ref in refs), reverse=True)
    assert pages == 3


async def test_a_page_stands_still_while_new_ones_come(calls: Calls, clock):
    older = [await calls.recorded() for _ in range(2)]
    clock.advance(1)
    newer = await calls.recorded()
    first = await calls.page(page_size=1)
    clock.advance(1)
    await calls.recorded()
    rest = await calls.ids(page_token=first.next_page_token)
    assert first.notifications[0].notification_id == newer.notification_id
    assert sorted(rest) == sorted(ref.notification_id for ref in older)


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "", "with other filters"])
async def test_a_token_that_cannot_be_is_refused(calls: Calls, token: str):
    for _ in range(2):
        await calls.recorded()
    given = (await calls.page(page_size=1)).next_page_token
    if token == "":
        token = given[:-3] + "A" * 3
    with pytest.raises(PulseError) as caught:
        await calls.page(page_token=given if token == "with other filters" else token, user_id="user-1")
    assert (caught.value.code, caught.value.reason) == (Code.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")


@pytest.mark.parametrize("size", [0, 1001])
async def test_a_page_size_that_cannot_be_is_refused(calls: Calls, size: int):
    with pytest.raises(PulseError) as caught:
        await calls.page(page_size=size)
    assert [violation.field for violation in caught.value.violations] == ["page_size"]


async def test_nothing_of_another_tenant_is_found(calls: Calls):
    ref = await calls.recorded(tenant_id="other")
    for foreign in (ref.notification_id, ref.notification_id.upper(), "7", ""):
        with pytest.raises(PulseError) as caught:
            await calls.get(records_pb2.NotificationRef(tenant_id=TENANT, notification_id=foreign))
        assert caught.value.reason == "NOTIFICATION_NOT_FOUND"


async def test_lanes_tell_what_waits_in_them(calls: Calls, clock):
    due, held, scheduled = await calls.recorded(), await calls.recorded(), None
    scheduled = await calls.recorded(not_before=NOON + dt.timedelta(seconds=60), lane=enums_pb2.LOW)
    await calls.recorded(tenant_id="other")
    await calls.claim(held)
    await calls.draw()
    clock.advance(30)
    high, low = (await depths(calls, TENANT)).lanes
    assert (high.lane, high.due, high.waiting, high.sending) == (enums_pb2.HIGH, 1, 0, 1)
    assert from_duration(high.oldest_due_age) == 30
    assert (low.lane, low.due, low.waiting, low.sending) == (enums_pb2.LOW, 0, 1, 0)
    clock.advance(30)
    high, low = (await depths(calls, "")).lanes
    assert (high.due, low.due) == (2, 1)
    assert {due.tenant_id, scheduled.tenant_id} == {TENANT}


async def depths(calls: Calls, tenant_id: str) -> ledger_reader_pb2.GetQueueDepthsResponse:
    return await call(calls.reader.GetQueueDepths, ledger_reader_pb2.GetQueueDepthsRequest(tenant_id=tenant_id))


async def test_statistics_count_what_was_accepted_in_the_window(calls: Calls, clock):
    await calls.recorded()
    clock.advance(7200)
    sms, retried = await calls.recorded(channel=enums_pb2.SMS), await calls.recorded()
    await calls.cancel(sms)
    (claimed,) = await calls.claim(retried)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    request = ledger_reader_pb2.GetStatisticsRequest(tenant_id=TENANT, window=to_duration(3600))
    recent = await call(calls.reader.GetStatistics, request)
    everything = await call(calls.reader.GetStatistics, ledger_reader_pb2.GetStatisticsRequest())
    assert {(cell.status, cell.channel, cell.count) for cell in recent.cells} == {
        (enums_pb2.CANCELLED, enums_pb2.SMS, 1),
        (enums_pb2.RETRYING, enums_pb2.EMAIL, 1),
    }
    assert recent.average_retry_attempts == 1.0
    assert sum(cell.count for cell in everything.cells) == 3


async def test_statistics_tell_providers_and_hours_apart_if_asked(calls: Calls, clock):
    clock.advance(3600 - clock.now().timestamp() % 3600 - 1)
    before_the_hour = await calls.recorded()
    clock.advance(2)
    await calls.recorded()
    (claimed,) = await calls.claim(before_the_hour)
    await calls.end(claimed, Outcome.SUCCEEDED)
    request = ledger_reader_pb2.GetStatisticsRequest(
        tenant_id=TENANT, window=to_duration(7200), bucket=to_duration(3600), by_provider=True
    )
    told = await call(calls.reader.GetStatistics, request)
    hour = int(clock.now().timestamp()) // 3600 * 3600
    assert {(cell.status, cell.provider, cell.bucket_start.seconds, cell.count) for cell in told.cells} == {
        (enums_pb2.SENT, claimed.provider, hour - 3600, 1),
        (enums_pb2.QUEUED, "", hour, 1),
    }


def test_buckets_begin_at_multiples_of_their_length_and_cover_the_window():
    now = dt.datetime(2026, 1, 1, 12, 30, tzinfo=dt.UTC)
    hours = buckets.starts(now - dt.timedelta(hours=2), now, dt.timedelta(hours=1))
    assert [start.hour for start in hours] == [10, 11, 12]
    assert [start.minute for start in hours] == [0, 0, 0]
    assert len(buckets.starts(now - dt.timedelta(days=31), now, dt.timedelta(minutes=1))) == buckets.MOST
