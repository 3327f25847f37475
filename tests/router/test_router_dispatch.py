"""What reaches Celery's queues, and what happens while they are full or gone."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import redis

from shared.errors import Code, PulseError
from tests.router.conftest import OwnValkey
from tests.router.played_ledger import PlayedLedger
from tests.router.queues import Queues
from tests.router.samples import submission
from tests.support import eventually


async def taken(queues: Queues, lane: str, wanted: set[str], timeout: float = 10.0) -> list[list[str]]:
    """Takes tasks until all of ``wanted`` were seen; the ids of each task."""
    tasks: list[list[str]] = []

    def seen_all() -> bool:
        tasks.extend([one for _tenant, one in refs] for refs in queues.take(lane))
        return wanted <= {one for ids in tasks for one in ids}

    await eventually(seen_all, timeout)
    return tasks


async def test_what_was_recorded_is_published_on_its_lane_with_ids_only(
    run_router: Any, queues: Queues, broker_url: str
) -> None:
    router = await run_router()
    low, high = await router.submit(submission(), submission(template_name="otp", to="canary@example.com"))
    with redis.Redis.from_url(broker_url) as broker:
        await eventually(lambda: broker.llen("high_priority") and broker.llen("low_priority"))
        raw = broker.lindex("high_priority", 0)
    assert b"canary" not in raw and b"user-" not in raw
    assert queues.take("HIGH") == [[("acme", high.notification_id)]]
    assert queues.take("LOW") == [[("acme", low.notification_id)]]


async def test_nothing_is_published_before_the_commit(run_router: Any, ledger: PlayedLedger, queues: Queues) -> None:
    router = await run_router()
    ledger.open.clear()
    under_way = asyncio.create_task(router.submit(submission(template_name="otp")))
    await eventually(lambda: ledger.arrived)
    assert queues.ids("HIGH") == []
    ledger.open.set()
    (result,) = await under_way
    await taken(queues, "HIGH", {result.notification_id})


async def test_refused_replayed_and_failed_submissions_wake_nobody(
    run_router: Any, ledger: PlayedLedger, queues: Queues
) -> None:
    router = await run_router(router_limit=1)
    (first,) = await router.submit(submission(user="ada", idempotency_key="k"))
    await taken(queues, "LOW", {first.notification_id})
    ledger.claim([first.notification_id])
    await router.submit(submission(user="ada"), submission(user="ada", idempotency_key="k"))
    ledger.failure = PulseError(Code.UNAVAILABLE, "DATABASE_UNAVAILABLE", "the database is away")
    await router.submit(submission())
    ledger.failure = None
    (last,) = await router.submit(submission())
    assert await taken(queues, "LOW", {last.notification_id}) == [[last.notification_id]]


async def test_ids_travel_in_tasks_of_the_size_set_for_the_lane(run_router: Any, queues: Queues) -> None:
    router = await run_router()
    low = await router.submit(*[submission() for _ in range(600)])
    high = await router.submit(*[submission(template_name="otp") for _ in range(50)])
    low_tasks = await taken(queues, "LOW", {result.notification_id for result in low})
    high_tasks = await taken(queues, "HIGH", {result.notification_id for result in high})
    assert max(map(len, low_tasks)) == 250
    assert max(map(len, high_tasks)) == 20


async def test_a_full_window_leaves_the_rest_to_the_ledger(
    run_router: Any, ledger: PlayedLedger, queues: Queues
) -> None:
    """And what the ledger holds is drawn as the workers take tasks away, each once."""
    router = await run_router(router_low_window=100, router_low_chunk=50, router_redispatch_after_seconds=60)
    ledger.redispatch_s = 60
    results = await router.submit(*[submission() for _ in range(400)])
    ids = {result.notification_id for result in results}
    assert 0 < sum(row.entry.dispatched for row in ledger.rows.values()) <= 100
    tasks = await taken(queues, "LOW", ids)
    seen = [one for task in tasks for one in task]
    assert sorted(seen) == sorted(ids)


async def test_celery_holds_no_more_than_the_window(run_router: Any, ledger: PlayedLedger, broker_url: str) -> None:
    ledger.fill(1_000)
    await run_router(router_low_window=100, router_low_chunk=50, router_redispatch_after_seconds=60)
    with redis.Redis.from_url(broker_url) as broker:
        await eventually(lambda: broker.llen("low_priority") == 2)
        low_draws, high_draws = ledger.draws["LOW"], ledger.draws["HIGH"]
        await eventually(lambda: ledger.draws["HIGH"] >= high_draws + 3)  # three sweeps have passed
        assert broker.llen("low_priority") == 2
    assert ledger.draws["LOW"] == low_draws


async def test_low_filling_its_window_does_not_hold_up_high(
    run_router: Any, ledger: PlayedLedger, queues: Queues
) -> None:
    ledger.fill(1_000)
    router = await run_router(router_low_window=50, router_low_chunk=50)
    (result,) = await router.submit(submission(template_name="otp"))
    assert ledger.rows[result.notification_id].entry.dispatched
    await taken(queues, "HIGH", {result.notification_id})


async def test_a_flood_of_high_does_not_starve_low(run_router: Any, ledger: PlayedLedger, queues: Queues) -> None:
    """LOW's backlog is drained to its end while HIGH's queue is kept full by more than it can hold."""
    ledger.fill(5_000, "HIGH")
    low = ledger.fill(500)
    await run_router(
        router_high_window=200, router_low_window=100, router_low_chunk=50, router_redispatch_after_seconds=60
    )
    await taken(queues, "LOW", set(low))
    assert len(queues.ids("HIGH")) >= 150


async def test_two_routers_share_a_backlog_and_publish_each_once(
    run_router: Any, ledger: PlayedLedger, queues: Queues
) -> None:
    ids = ledger.fill(3_000)
    settings = {"router_low_window": 400, "router_low_chunk": 100, "router_redispatch_after_seconds": 60}
    await run_router(**settings)
    await run_router(**settings)
    tasks = await taken(queues, "LOW", set(ids))
    assert sorted(one for task in tasks for one in task) == ids


async def test_a_wiped_broker_only_delays(
    run_router: Any, ledger: PlayedLedger, queues: Queues, broker_url: str
) -> None:
    """The ledger hands out again what nobody claimed in time."""
    router = await run_router()
    results = await router.submit(*[submission() for _ in range(20)])
    with redis.Redis.from_url(broker_url) as broker:
        await eventually(lambda: broker.llen("low_priority"))
        broker.flushall()
    await taken(queues, "LOW", {result.notification_id for result in results})


async def test_a_lost_broker_does_not_hold_up_answers_and_is_used_again_when_back(
    run_router: Any, ledger: PlayedLedger, own_valkey: OwnValkey
) -> None:
    router = await run_router(broker_url=f"{own_valkey.url}/1")
    own_valkey.stop()
    started = time.monotonic()
    results = [(await router.submit(submission()))[0] for _ in range(20)]
    assert time.monotonic() - started < 2
    assert all(result.notification_id for result in results)
    assert not all(row.entry.dispatched for row in ledger.rows.values())
    own_valkey.start()
    with Queues(f"{own_valkey.url}/1") as queues:
        await taken(queues, "LOW", {result.notification_id for result in results})


async def test_a_hung_broker_does_not_hold_up_answers(
    run_router: Any, ledger: PlayedLedger, own_valkey: OwnValkey
) -> None:
    router = await run_router(broker_url=f"{own_valkey.url}/1", drain_seconds=1)
    await router.submit(submission())
    with own_valkey.frozen():
        started = time.monotonic()
        results = [(await router.submit(submission()))[0] for _ in range(10)]
        assert time.monotonic() - started < 1
    with Queues(f"{own_valkey.url}/1") as queues:
        await taken(queues, "LOW", {result.notification_id for result in results})


async def test_dispatch_goes_on_when_the_ledger_is_back(run_router: Any, ledger: PlayedLedger, queues: Queues) -> None:
    await run_router()
    await ledger.stop()
    ids = ledger.fill(10)
    await ledger.start()
    await taken(queues, "LOW", set(ids))


async def test_stopping_publishes_what_waits(run_router: Any, queues: Queues) -> None:
    router = await run_router()
    results = await router.submit(*[submission(template_name="otp") for _ in range(200)])
    await router.stop()
    assert set(queues.ids("HIGH")) == {result.notification_id for result in results}
