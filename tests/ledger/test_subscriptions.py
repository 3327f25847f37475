"""Subscriptions in the ledger: from the feed to what is due, and what follows from answers."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, subscription_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as reader_pb
from pulse.ledger.v1 import ledger_subscriptions_pb2 as pb
from pulse.ledger.v1.ledger_subscriptions_pb2_grpc import LedgerSubscriptionsStub
from services.ledger.outgoing import planning, subscriptions
from services.ledger.rules.feed import delivering
from services.ledger.rules.feed.delivering import Answered, DeliveryState, decide
from services.ledger.server import Ledger
from shared.clock import FixedClock
from shared.errors import Code, PulseError
from shared.rpc.channels import call, open_channel
from shared.times import to_duration, to_timestamp
from tests.ledger.calls import TENANT, Calls, Outcome, template
from tests.ledger.conftest import NOON, Database

DAY = 24 * 3600
DELIVERED, FAILED, PENDING = (getattr(subscription_pb2.EventDelivery, s) for s in ("DELIVERED", "FAILED", "PENDING"))


class Hub:
    """Calls the ledger's subscriptions."""

    def __init__(self, channel: Any) -> None:
        self.stub = LedgerSubscriptionsStub(channel)

    async def create(self, tenant: str = TENANT, **fields: Any) -> str:
        fields.setdefault("url", "https://example.com/hook")
        request = pb.CreateSubscriptionRequest(
            tenant_id=tenant, subscription=subscription_pb2.Subscription(**fields), secret="whsec_1"
        )
        return (await call(self.stub.CreateSubscription, request)).subscription_id

    async def draw(self, limit: int = 1000, most: int = 10) -> list[pb.DueEventDelivery]:
        request = pb.DrawEventDeliveriesRequest(limit=limit, most_of_one=most, lease=to_duration(30))
        return list((await call(self.stub.DrawEventDeliveries, request)).due)

    async def settle(self, due: pb.DueEventDelivery, status: int, **fields: Any) -> int:
        answer = pb.EventAnswer(
            tenant_id=due.tenant_id,
            subscription_id=due.subscription_id,
            event_delivery_id=due.event_delivery_id,
            attempt=due.attempt,
            status=status,
            **fields,
        )
        request = pb.SettleEventDeliveriesRequest(answers=[answer])
        return (await call(self.stub.SettleEventDeliveries, request)).disabled

    async def get(self, id_: str, tenant: str = TENANT) -> subscription_pb2.Subscription:
        request = pb.ListSubscriptionsRequest(tenant_id=tenant, subscription_id=id_)
        return (await call(self.stub.ListSubscriptions, request)).subscriptions[0]

    async def deliveries(self, id_: str, **fields: Any) -> list[subscription_pb2.EventDelivery]:
        fields.setdefault("page_size", 100)
        request = pb.ListEventDeliveriesRequest(tenant_id=TENANT, subscription_id=id_, **fields)
        return list((await call(self.stub.ListEventDeliveries, request)).event_deliveries)

    async def set_paused(self, id_: str, paused: bool) -> subscription_pb2.Subscription:
        request = pb.SetStateRequest(tenant_id=TENANT, subscription_id=id_, paused=paused)
        return await call(self.stub.SetState, request)


@pytest.fixture
async def hub(ledger: Ledger):
    async with open_channel(f"127.0.0.1:{ledger.port}") as channel:
        yield Hub(channel)


def types(due: list[pb.DueEventDelivery]) -> list[str]:
    return sorted(one.event.type for one in due)


async def test_what_happens_after_it_was_made_is_due_once(calls: Calls, hub: Hub):
    await calls.recorded()
    id_ = await hub.create()
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED)
    due = await hub.draw()
    assert types(due) == ["notification.accepted", "notification.sent"]
    assert {(one.subscription_id, one.url, one.attempt, *one.secrets) for one in due} == {
        (id_, "https://example.com/hook", 1, "whsec_1")
    }
    assert await hub.draw() == []
    for one in due:
        await hub.settle(one, 204)
    assert {one.state for one in await hub.deliveries(id_)} == {DELIVERED}
    assert await hub.draw() == []


async def test_each_event_goes_to_each_subscription_that_wants_it(calls: Calls, hub: Hub):
    wanted = {
        "all": {},
        "sent": {"event_types": ["notification.sent"]},
        "orders": {"categories": ["orders"]},
        "sms": {"channels": [enums_pb2.SMS]},
        "welcome": {"template_names": ["welcome"]},
        "labelled": {"metadata": {"shop": "1", "kind": "a"}},
        "half": {"metadata": {"shop": "1"}},
    }
    names = {await hub.create(**fields): name for name, fields in wanted.items()}
    other = await hub.create("other")
    await calls.recorded(category="orders", metadata={"shop": "1", "kind": "b"})
    await calls.recorded(tenant_id="other")
    due = await hub.draw()
    assert {names.get(one.subscription_id, "other") for one in due} == {"all", "orders", "welcome", "half", "other"}
    assert [one.tenant_id for one in due if one.subscription_id == other] == ["other"]


async def test_filters_of_notifications_leave_other_events_alone(calls: Calls, hub: Hub):
    await hub.create(categories=["orders"])
    await calls.create(template("hello"))
    assert types(await hub.draw()) == ["template.updated"]


async def test_a_lease_that_ended_is_drawn_again_and_its_answer_counts_no_more(
    calls: Calls, hub: Hub, clock: FixedClock
):
    id_ = await hub.create()
    await calls.recorded()
    (first,) = await hub.draw()
    clock.advance(31)
    (second,) = await hub.draw()
    assert (second.event_delivery_id, second.attempt) == (first.event_delivery_id, 2)
    assert second.event.event_id == first.event.event_id
    await hub.settle(first, 200)
    assert (await hub.deliveries(id_))[0].state == PENDING
    await hub.settle(second, 200)
    assert (await hub.deliveries(id_))[0].state == DELIVERED


async def test_what_is_in_flight_to_one_endpoint_is_bounded(calls: Calls, hub: Hub):
    ids = [await hub.create(), await hub.create()]
    await calls.record(*(calls.entry() for _ in range(7)))
    due = await hub.draw(most=3)
    assert sorted(one.subscription_id for one in due) == sorted(ids * 3)
    assert await hub.draw(most=3) == []
    await hub.settle(due[0], 200)
    (more,) = await hub.draw(most=3)
    assert more.subscription_id == due[0].subscription_id


async def test_a_tenant_with_many_endpoints_crowds_out_no_other(calls: Calls, hub: Hub):
    for _ in range(20):
        await hub.create()
    await hub.create("other")
    await calls.record(*(calls.entry(tenant_id=tenant) for tenant in (TENANT, "other") for _ in range(4)))
    for _ in range(4):
        assert {one.tenant_id for one in await hub.draw(limit=2)} == {TENANT, "other"}


async def test_one_draw_begins_with_no_further_subscription_when_its_time_is_over(
    calls: Calls, hub: Hub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(planning, "LONGEST", 0.0)
    ids = {await hub.create() for _ in range(3)}
    await calls.record(calls.entry(), calls.entry())
    drawn = [[one.subscription_id for one in await hub.draw()] for _ in range(4)]
    assert [len(some) for some in drawn] == [2, 2, 2, 0]
    assert {one for some in drawn for one in some} == ids


async def test_an_event_that_cannot_be_written_holds_up_no_other_tenant(calls: Calls, hub: Hub, database: Database):
    held_up, other = await hub.create(), await hub.create("other")
    database.execute(
        "INSERT INTO tenant_events (tenant_id, event_id, recorded_at, type, data)"
        f" VALUES ('{TENANT}', gen_random_uuid(), now(), 'template.updated', '{{\"decisions\": 5}}')"
    )
    await calls.recorded(tenant_id="other")
    await calls.recorded()
    assert {one.subscription_id for one in await hub.draw()} == {other}
    database.execute("DELETE FROM tenant_events")
    assert {one.subscription_id for one in await hub.draw()} == {held_up}


async def test_one_that_fails_is_tried_by_one_at_a_time_and_holds_up_no_other(
    calls: Calls, hub: Hub, clock: FixedClock
):
    dead, live = await hub.create(), await hub.create()
    await calls.recorded()
    for one in await hub.draw():
        await hub.settle(one, 500 if one.subscription_id == dead else 200)
    assert (await hub.get(dead)).HasField("failing_since")
    await calls.record(*(calls.entry() for _ in range(5)))
    due = await hub.draw()
    assert [one.subscription_id for one in due].count(live) == 5
    assert [one.subscription_id for one in due].count(dead) == 1
    for one in due:
        await hub.settle(one, 200)
    assert not (await hub.get(dead)).HasField("failing_since")
    assert {one.subscription_id for one in await hub.draw()} == {dead}


async def test_retry_after_leaves_the_endpoint_alone(calls: Calls, hub: Hub, clock: FixedClock):
    id_ = await hub.create()
    await calls.recorded()
    (one,) = await hub.draw()
    await hub.settle(one, 503, retry_after=to_duration(600))
    await calls.recorded()
    clock.advance(599)
    assert await hub.draw() == []
    clock.advance(1)
    assert len(await hub.draw()) == 1
    assert (await hub.deliveries(id_))[-1].answer_status == 503


async def test_gone_disables_it_and_says_so(calls: Calls, hub: Hub):
    id_ = await hub.create()
    watcher = await hub.create("acme", event_types=["subscription.disabled"])
    await calls.recorded()
    (one,) = await hub.draw()
    assert await hub.settle(one, 410) == 1
    assert (await hub.get(id_)).state == subscription_pb2.Subscription.DISABLED
    (told,) = await hub.draw()
    assert (told.subscription_id, told.event.type, told.event.data.subscription_id) == (
        watcher,
        "subscription.disabled",
        id_,
    )
    page = await call(calls.reader.ListEvents, reader_pb.ListEventsRequest(tenant_id=TENANT, page_size=10))
    assert page.events[-1].data.decisions[0].result == "DISABLED"


async def test_five_days_of_failure_disable_it(calls: Calls, hub: Hub, clock: FixedClock):
    id_ = await hub.create()
    await calls.recorded()
    disabled = 0
    while clock.now() < NOON + dt.timedelta(days=6) and not disabled:
        for one in await hub.draw():
            disabled += await hub.settle(one, 500)
        clock.advance(4 * 3600)
        if not disabled:
            await calls.recorded()
    assert disabled == 1
    assert dt.timedelta(days=5) <= clock.now() - NOON <= dt.timedelta(days=5, hours=9)
    assert (await hub.get(id_)).state == subscription_pb2.Subscription.DISABLED
    resumed = await hub.set_paused(id_, False)
    assert (resumed.state, resumed.HasField("failing_since")) == (subscription_pb2.Subscription.ENABLED, False)


async def test_an_event_is_given_up_after_three_days(calls: Calls, hub: Hub, clock: FixedClock):
    id_ = await hub.create()
    await calls.recorded()
    while (await hub.deliveries(id_))[:1] == [] or (await hub.deliveries(id_))[0].state == PENDING:
        for one in await hub.draw():
            await hub.settle(one, 0, error="no answer")
        clock.advance(3600)
        assert clock.now() < NOON + dt.timedelta(days=4)
    (delivery,) = await hub.deliveries(id_)
    assert (delivery.state, delivery.error, delivery.HasField("next_attempt_time")) == (FAILED, "no answer", False)
    assert clock.now() > NOON + dt.timedelta(days=2)
    assert delivery.attempt > 8


async def test_one_that_is_ahead_of_its_feed_goes_on(calls: Calls, hub: Hub, database: Database):
    """PostgreSQL failed over to a server that lacked the last transactions."""
    await hub.create()
    ahead = f"{2**40:016x}" + "0" * 40
    database.execute(f"UPDATE subscriptions SET next_transaction = {2**40}, position = '{ahead}'")
    assert await hub.draw() == []
    await calls.recorded()
    assert types(await hub.draw()) == ["notification.accepted"]


async def test_what_is_settled_twice_counts_once(calls: Calls, hub: Hub):
    id_ = await hub.create()
    await calls.recorded()
    (one,) = await hub.draw()
    await hub.settle(one, 200)
    await hub.settle(one, 410)
    assert (await hub.deliveries(id_))[0].state == DELIVERED
    assert (await hub.get(id_)).state == subscription_pb2.Subscription.ENABLED


async def test_who_draws_and_settles_at_once_loses_and_doubles_nothing(calls: Calls, hub: Hub):
    ids = [await hub.create() for _ in range(3)]
    await calls.record(*(calls.entry() for _ in range(20)))
    seen: list[tuple[str, str]] = []

    async def work() -> None:
        while due := await hub.draw(limit=5):
            seen.extend((one.subscription_id, one.event.event_id) for one in due)
            await asyncio.gather(*(hub.settle(one, 200) for one in due))

    await asyncio.gather(*(work() for _ in range(4)))
    await work()
    assert len(seen) == len(set(seen)) == 60
    for id_ in ids:
        assert {one.state for one in await hub.deliveries(id_)} == {DELIVERED}


async def test_paused_it_is_sent_nothing_and_resumed_all_of_it(calls: Calls, hub: Hub):
    id_ = await hub.create()
    assert (await hub.set_paused(id_, True)).state == subscription_pb2.Subscription.PAUSED
    refs = [await calls.recorded() for _ in range(3)]
    assert await hub.draw() == []
    await hub.set_paused(id_, False)
    assert {one.event.notification_id for one in await hub.draw()} == {ref.notification_id for ref in refs}


async def test_a_rotated_secret_signs_beside_the_new_one_for_a_day(calls: Calls, hub: Hub, clock: FixedClock):
    id_ = await hub.create()
    request = pb.RotateSecretRequest(tenant_id=TENANT, subscription_id=id_, secret="whsec_2")
    await call(hub.stub.RotateSecret, request)
    await calls.recorded()
    (one,) = await hub.draw()
    assert list(one.secrets) == ["whsec_2", "whsec_1"]
    await hub.settle(one, 200)
    clock.advance(DAY)
    await calls.recorded()
    assert list((await hub.draw())[0].secrets) == ["whsec_2"]


async def test_deliveries_are_sent_again_by_event_or_time(calls: Calls, hub: Hub, clock: FixedClock):
    id_ = await hub.create()
    await calls.record(calls.entry(), calls.entry())
    due = await hub.draw()
    for one in due:
        await hub.settle(one, 200)
    by_event = pb.RedeliverEventsRequest(tenant_id=TENANT, subscription_id=id_, event_id=due[0].event.event_id)
    assert (await call(hub.stub.RedeliverEvents, by_event)).count == 1
    (again,) = await hub.draw()
    assert (again.event.event_id, again.attempt) == (due[0].event.event_id, 2)
    await hub.settle(again, 200)
    span = {"created_after": to_timestamp(NOON), "created_before": to_timestamp(NOON + dt.timedelta(seconds=1))}
    by_time = pb.RedeliverEventsRequest(tenant_id=TENANT, subscription_id=id_, **span)
    assert (await call(hub.stub.RedeliverEvents, by_time)).count == 2
    assert len(await hub.draw()) == 2


async def test_a_test_is_sent_to_one_that_is_enabled(hub: Hub):
    id_ = await hub.create(event_types=["notification.sent"])
    request = pb.TestSubscriptionRequest(tenant_id=TENANT, subscription_id=id_)
    made = await call(hub.stub.TestSubscription, request)
    (one,) = await hub.draw()
    assert (one.event_delivery_id, one.event.type) == (made.event_delivery_id, "subscription.test")
    await hub.set_paused(id_, True)
    with pytest.raises(PulseError) as refused:
        await call(hub.stub.TestSubscription, request)
    assert refused.value.reason == "SUBSCRIPTION_NOT_ENABLED"


async def test_a_test_is_found_among_many_that_another_ledgers_clock_dates_later(
    calls: Calls, hub: Hub, clock: FixedClock
):
    id_ = await hub.create()
    await calls.record(*(calls.entry() for _ in range(101)))
    clock.advance(1)
    assert len(await hub.draw(most=200)) == 101
    clock.advance(-1)
    made = await call(hub.stub.TestSubscription, pb.TestSubscriptionRequest(tenant_id=TENANT, subscription_id=id_))
    assert (made.event.type, made.state, made.attempt) == ("subscription.test", PENDING, 0)


async def test_what_is_another_tenants_is_not_found(hub: Hub):
    id_ = await hub.create("other")
    for name in (id_, "none", "01890000-0000-7000-8000-000000000000"):
        with pytest.raises(PulseError) as refused:
            await hub.get(name)
        assert (refused.value.code, refused.value.reason) == (Code.NOT_FOUND, "SUBSCRIPTION_NOT_FOUND")


async def test_a_deleted_one_is_sent_nothing(calls: Calls, hub: Hub, database: Database):
    id_ = await hub.create()
    await calls.recorded()
    assert await hub.draw()
    await call(hub.stub.DeleteSubscription, pb.DeleteSubscriptionRequest(tenant_id=TENANT, subscription_id=id_))
    assert (database.count("subscriptions"), database.count("event_deliveries")) == (0, 0)


async def test_of_a_deleted_one_with_many_deliveries_some_are_left_for_retention_and_never_sent(
    calls: Calls, hub: Hub, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(subscriptions, "MOST_DELETED", 2)
    id_ = await hub.create()
    await calls.record(*(calls.entry() for _ in range(3)))
    assert len(await hub.draw(limit=1)) == 1
    await call(hub.stub.DeleteSubscription, pb.DeleteSubscriptionRequest(tenant_id=TENANT, subscription_id=id_))
    assert (database.count("subscriptions"), database.count("event_deliveries")) == (0, 1)
    assert await hub.draw() == []


async def test_a_tenant_has_a_hundred_at_the_most(hub: Hub):
    for _ in range(100):
        await hub.create()
    with pytest.raises(PulseError) as refused:
        await hub.create()
    assert (refused.value.code, refused.value.reason) == (Code.RESOURCE_EXHAUSTED, "TOO_MANY_SUBSCRIPTIONS")
    assert await hub.create("other")


@pytest.mark.parametrize("status", [0, 100, 199, 300, 301, 307, 400, 401, 404, 429, 500, 503, 599])
def test_what_is_no_success_is_tried_again(status: int):
    verdict = decide(Answered(1, status, NOON + dt.timedelta(days=3), None), NOON, lambda: 0.5)
    assert (verdict.state, verdict.disables, verdict.failing_since) == (DeliveryState.PENDING, False, NOON)
    assert verdict.due_at == NOON + dt.timedelta(seconds=2.5)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_ends_it(status: int):
    verdict = decide(Answered(1, status, NOON, NOON), NOON, lambda: 0.5)
    assert (verdict.state, verdict.due_at, verdict.failing_since) == (DeliveryState.DELIVERED, None, None)


def test_waits_grow_with_full_jitter_to_the_longest():
    assert [delivering.wait(n).total_seconds() for n in (1, 2, 3, 8, 30, 10_000)] == [5, 20, 80, 28800, 28800, 28800]
    verdicts = [decide(Answered(3, 500, NOON + dt.timedelta(days=3), None), NOON, lambda r=r: r) for r in (0.0, 1.0)]
    assert [(v.due_at - NOON).total_seconds() for v in verdicts] == [0, 80]


@pytest.mark.parametrize(("asked", "waits"), [(1, 1), (3600, 3600), (10**6, DAY)])
def test_retry_after_is_honoured_up_to_a_day(asked: int, waits: int):
    answered = Answered(1, 429, NOON + dt.timedelta(days=3), None, dt.timedelta(seconds=asked))
    assert decide(answered, NOON, lambda: 0.0).due_at == NOON + dt.timedelta(seconds=waits)
