"""The feed: every event of a tenant once, in one order, whatever transactions do meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import psycopg
import pytest

from pulse.common.v1 import enums_pb2, event_pb2, recipient_pb2
from pulse.ledger.v1 import ledger_admin_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as pb
from services.ledger.migrate import migrate
from services.ledger.server import Ledger
from shared.clock import FixedClock
from shared.errors import Code, PulseError
from shared.ids import uuid7
from shared.rpc.channels import call, open_channel
from tests.ledger.calls import TENANT, Calls, Outcome, fallback, receipt, template
from tests.ledger.conftest import NOON, Database
from tests.support import eventually

ENDED = ("delivered", "undelivered", "failed", "unknown", "expired", "cancelled", "suppressed")


async def page(
    calls: Calls, after: str = "", *types: str, size: int = 1000, tenant: str = TENANT
) -> pb.ListEventsResponse:
    request = pb.ListEventsRequest(tenant_id=tenant, after=after, page_size=size, event_types=types)
    return await call(calls.reader.ListEvents, request)


async def walked(calls: Calls, after: str = "", *types: str, size: int = 1000) -> list[event_pb2.Event]:
    """All events behind a position, page by page."""
    found: list[event_pb2.Event] = []
    while True:
        part = await page(calls, after, *types, size=size)
        found += part.events
        after = part.next_after
        if part.at_end:
            return found


def told(events: list[event_pb2.Event]) -> list[str]:
    return [event.type.removeprefix("notification.") for event in events]


async def one(calls: Calls, **fields: object) -> tuple[object, object]:
    ref = await calls.recorded(**fields)
    (claimed,) = await calls.claim(ref)
    return ref, claimed


async def test_a_notification_is_told_from_its_acceptance_to_its_arrival(calls: Calls):
    ref, claimed = await one(calls, key="order-1", metadata={"order": "1"}, category="orders")
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    await calls.receive(receipt(ref, enums_pb2.DELIVERED, "m-1"))
    events = await walked(calls)
    assert told(events) == ["accepted", "sent", "delivered"]
    assert {event.notification_id for event in events} == {ref.notification_id}
    sent = events[1]
    assert (sent.data.user_id, sent.data.template_name, sent.data.template_version) == ("user-1", "welcome", 1)
    assert (sent.data.channel, sent.data.provider, sent.data.provider_message_id) == (enums_pb2.EMAIL, "smtp", "m-1")
    assert (sent.data.metadata, sent.data.category, sent.data.idempotency_key) == ({"order": "1"}, "orders", "order-1")
    assert (sent.data.status, sent.data.attempt) == (enums_pb2.SENT, 1)
    assert sent.time.ToDatetime().replace(tzinfo=NOON.tzinfo) == NOON


async def test_each_way_to_end_is_told(calls: Calls, clock: FixedClock, ledger: Ledger):
    _, failed = await one(calls)
    await calls.end(failed, Outcome.PERMANENT_FAILURE, failure={"code": "GONE", "message": "nobody lives there"})
    undelivered, sent = await one(calls)
    await calls.end(sent, Outcome.SUCCEEDED, provider_message_id="m-1")
    await calls.receive(receipt(undelivered, enums_pb2.UNDELIVERED, "m-1"))
    _, unknown = await one(calls, delivery_guarantee=enums_pb2.AT_MOST_ONCE)
    await calls.end(unknown, Outcome.UNANSWERED)
    await calls.cancel(await calls.recorded())
    events = await walked(calls)
    assert told(events) == [
        "accepted",
        "failed",
        "accepted",
        "sent",
        "undelivered",
        "accepted",
        "unknown",
        "accepted",
        "cancelled",
    ]
    assert (events[1].data.failure.code, events[1].data.failure.message) == ("GONE", "nobody lives there")
    assert events[-1].data.actor == "key-7"


async def test_what_went_on_by_the_next_channel_is_not_told_as_failed(calls: Calls):
    fallbacks = [fallback(after=None)]
    _, first = await one(calls, fallbacks=fallbacks)
    await calls.end(first, Outcome.PERMANENT_FAILURE)
    assert told(await walked(calls)) == ["accepted"]


async def test_what_is_suppressed_when_it_is_accepted_is_told_both(calls: Calls, database: Database):
    await calls.recorded()
    database.execute("UPDATE events SET status = 'SUPPRESSED'")
    events = await walked(calls)
    assert told(events) == ["accepted", "suppressed"]
    assert len({event.event_id for event in events}) == 2
    assert told((await page(calls, size=1)).events) == ["accepted"]
    assert told(await walked(calls, size=1)) == ["accepted", "suppressed"]


async def test_a_receipt_that_changes_nothing_is_not_told(calls: Calls):
    ref, claimed = await one(calls)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    for message_id in ("m-1", "m-2", "m-1"):
        await calls.receive(receipt(ref, enums_pb2.DELIVERED, message_id))
    await calls.receive(receipt(ref, enums_pb2.UNDELIVERED, "m-1"))
    assert told(await walked(calls)) == ["accepted", "sent", "delivered"]


async def test_retries_are_not_told(calls: Calls):
    _, claimed = await one(calls)
    await calls.end(claimed, Outcome.TRANSIENT_FAILURE)
    assert told(await walked(calls)) == ["accepted"]


async def test_a_new_version_of_a_template_is_told(calls: Calls):
    await calls.create(template("hello"))
    (event,) = await walked(calls)
    assert (event.type, event.notification_id) == ("template.updated", "")
    assert (event.data.template_name, event.data.template_version) == ("hello", 1)


async def test_a_suppression_is_told_once(calls: Calls):
    suppression = recipient_pb2.Suppression(user_id="user-1", channel=enums_pb2.EMAIL, address="ada@example.com")
    request = ledger_admin_pb2.CreateSuppressionRequest(tenant_id=TENANT, suppression=suppression)
    for _ in range(2):
        created = (await call(calls.admin.CreateSuppression, request)).suppression
    (event,) = await walked(calls)
    assert event.type == "suppression.created"
    assert event.data.user_id == "user-1"
    assert event.data.suppression == created


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_pages_of_any_size_are_the_same_events(calls: Calls, size: int):
    await calls.record(*(calls.entry() for _ in range(5)))
    await calls.create(template("hello"))
    await calls.record(*(calls.entry() for _ in range(5)))
    whole = await walked(calls)
    assert len(whole) == 11
    assert await walked(calls, size=size) == whole
    assert [event.position for event in whole] == sorted({event.position for event in whole})
    assert len({event.event_id for event in whole}) == 11


async def test_an_event_stands_behind_each_position_before_it_and_no_other(calls: Calls):
    await calls.record(*(calls.entry() for _ in range(3)))
    whole = await walked(calls)
    for number, event in enumerate(whole, 1):
        assert await walked(calls, event.position) == whole[number:]


async def test_types_are_chosen(calls: Calls):
    _, claimed = await one(calls)
    await calls.end(claimed, Outcome.SUCCEEDED)
    await calls.create(template("hello"))
    assert told(await walked(calls, "", "notification.sent")) == ["sent"]
    assert told(await walked(calls, "", "template.updated", "notification.accepted")) == [
        "accepted",
        "template.updated",
    ]
    assert await walked(calls, "", "notification.failed") == []


async def test_from_now_on_begins_at_the_end(calls: Calls):
    await calls.recorded()
    latest = await page(calls, "latest")
    assert (list(latest.events), latest.at_end) == ([], True)
    await calls.recorded()
    assert told(await walked(calls, latest.next_after)) == ["accepted"]


async def test_tenants_have_feeds_of_their_own(calls: Calls):
    await calls.recorded()
    other = await calls.recorded(tenant_id="other")
    assert [event.notification_id for event in (await page(calls, tenant="other")).events] == [other.notification_id]
    assert list((await page(calls, tenant="nobody")).events) == []


async def test_nothing_is_skipped_though_transactions_end_out_of_order(calls: Calls, migrated_url: str):
    """One that began first commits last: what was committed meanwhile waits for it."""
    early = uuid7(NOON)
    with psycopg.connect(migrated_url) as slow:
        slow.execute(
            "INSERT INTO tenant_events (tenant_id, event_id, recorded_at, type, data) "
            "VALUES (%s, %s, %s, 'template.updated', '{}')",
            [TENANT, early, NOON],
        )
        refs = [await calls.recorded() for _ in range(3)]
        during = await page(calls)
        assert (list(during.events), during.at_end) == ([], True)
        slow.commit()
    events = await walked(calls, during.next_after)
    assert [event.event_id for event in events[:1]] == [early]
    assert [event.notification_id for event in events[1:]] == [ref.notification_id for ref in refs]


async def test_what_is_undone_is_never_told(calls: Calls, migrated_url: str):
    with psycopg.connect(migrated_url) as undone:
        undone.execute(
            "INSERT INTO tenant_events (tenant_id, event_id, recorded_at, type, data) "
            "VALUES (%s, %s, %s, 'template.updated', '{}')",
            [TENANT, uuid.uuid4(), NOON],
        )
        undone.rollback()
    ref = await calls.recorded()
    assert [event.notification_id for event in await walked(calls)] == [ref.notification_id]


async def test_readers_beside_many_writers_see_each_event_once(calls: Calls):
    """Whoever reads while others commit, in whatever order, comes to the same list as who reads at the end."""
    done = asyncio.Event()

    async def write() -> None:
        for _ in range(15):
            await calls.record(calls.entry(), calls.entry())

    async def read() -> list[event_pb2.Event]:
        after, found = "", list[event_pb2.Event]()
        while True:
            last_round = done.is_set()
            part = await page(calls, after, size=3)
            found += part.events
            after = part.next_after
            if part.at_end and last_round:
                return found

    readers = [asyncio.create_task(read()) for _ in range(3)]
    await asyncio.gather(*(write() for _ in range(8)))
    done.set()
    whole = await walked(calls)
    assert len(whole) == 8 * 15 * 2
    for found in await asyncio.gather(*readers):
        assert found == whole


@pytest.mark.parametrize(
    "after", ["x", "latest ", "LATEST", "0" * 55, "0" * 57, "g" * 56, "f" * 56, "-" + "0" * 55, "0" * 48 + "f" * 8]
)
async def test_what_is_no_position_is_refused(calls: Calls, after: str):
    with pytest.raises(PulseError) as refused:
        await page(calls, after)
    assert (refused.value.code, refused.value.reason) == (Code.INVALID_ARGUMENT, "INVALID_POSITION")


async def test_a_position_of_another_database_is_refused(calls: Calls):
    with pytest.raises(PulseError) as refused:
        await page(calls, f"{2**40:016x}" + "0" * 40)
    assert (refused.value.code, refused.value.reason) == (Code.FAILED_PRECONDITION, "POSITION_AHEAD")


@pytest.mark.parametrize("type_", ["", "sent", "notification.*", "notification.SENT", "notification.queued"])
async def test_what_is_no_type_is_refused(calls: Calls, type_: str):
    with pytest.raises(PulseError) as refused:
        await page(calls, "", "notification.sent", type_)
    assert (refused.value.code, refused.value.reason) == (Code.INVALID_ARGUMENT, "UNKNOWN_EVENT_TYPE")
    assert refused.value.violations[0].field == "event_types[1]"


class Feeds:
    """One stream that follows feeds; ``told`` has the last transaction of each, by tenant."""

    def __init__(self, calls: Calls) -> None:
        self.told: dict[str, int] = {}
        self.stream = calls.reader.FollowFeeds()
        self._listening = asyncio.create_task(self._listen())

    async def follow(self, tenant: str, transaction: int) -> None:
        place = pb.FeedPlace(tenant_id=tenant, transaction=transaction)
        await self.stream.write(pb.FollowFeedsRequest(followed=[place]))

    async def stop(self) -> None:
        self.stream.cancel()
        await asyncio.wait([self._listening])

    async def _listen(self) -> None:
        async for response in self.stream:
            self.told |= {place.tenant_id: place.transaction for place in response.changed}


@pytest.fixture
async def feeds(calls: Calls) -> AsyncIterator[Feeds]:
    feeds = Feeds(calls)
    yield feeds
    await feeds.stop()


async def test_who_follows_a_feed_is_told_of_what_comes(calls: Calls, feeds: Feeds):
    await calls.recorded()
    seen = (await page(calls)).last_transaction
    await feeds.follow(TENANT, seen)
    await feeds.follow("other", seen)
    await calls.recorded(tenant_id="other")
    await eventually(lambda: feeds.told.get("other", 0) > seen)
    assert TENANT not in feeds.told
    await calls.recorded()
    await eventually(lambda: feeds.told.get(TENANT, 0) > seen)


async def test_what_another_ledger_recorded_is_told(calls: Calls, feeds: Feeds, settings, clock: FixedClock):
    seen = (await page(calls)).last_transaction
    await feeds.follow(TENANT, seen)
    other = Ledger(settings, clock)
    await other.start()
    async with open_channel(f"127.0.0.1:{other.port}") as channel:
        await Calls(channel, clock).recorded()
    await eventually(lambda: feeds.told.get(TENANT, 0) > seen)
    await other.stop()


async def test_short_pages_of_many_feeds_come_in_their_order(calls: Calls):
    await calls.recorded()
    await calls.recorded(tenant_id="other")
    wanted = [pb.ListEventsRequest(tenant_id=tenant, page_size=10) for tenant in ("other", "nobody", TENANT)]
    found = await call(calls.reader.GetFeeds, pb.GetFeedsRequest(wanted=wanted))
    assert [len(one.events) for one in found.results] == [1, 0, 1]


async def test_in_a_restored_database_the_feed_grows_on(calls: Calls, database: Database, migrated_url: str):
    """Its server counts transactions from the beginning, and has some of the events of before."""
    await calls.record(calls.entry(), calls.entry())
    await calls.create(template("hello"))
    before = 2**40
    database.execute(f"UPDATE events SET transaction_id = transaction_id + {before}")
    database.execute(f"UPDATE tenant_events SET transaction_id = transaction_id + {before}")
    lost = f"{before + 2**20:016x}" + "0" * 40  # a position of after the backup
    migrate(migrated_url, NOON, 1)
    known = await walked(calls)
    assert told(known) == ["accepted", "accepted", "template.updated"]
    await calls.recorded()
    for position in (known[-1].position, lost):
        assert told(await walked(calls, position)) == ["accepted"]
    base = database.rows("SELECT revision FROM revisions WHERE subject = 'feed_base'")
    migrate(migrated_url, NOON, 1)
    assert database.rows("SELECT revision FROM revisions WHERE subject = 'feed_base'") == base
    assert told(await walked(calls)) == ["accepted", "accepted", "template.updated", "accepted"]
