"""HIGH notifications go to a worker that waits, with no broker between; whatever does not, by Celery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from pulse.common.v1.enums_pb2 import AT_MOST_ONCE, Status
from pulse.ledger.v1.ledger_service_pb2 import AvoidForTenant
from pulse.router.v1.router_service_pb2 import AwaitUrgentRequest, AwaitUrgentResponse
from services.router.dispatch.waiting_workers import MOST_WAITING, WaitingWorker, WaitingWorkers
from shared.errors import Code, PulseError
from shared.rpc.statuses import from_rpc_error
from shared.times import to_duration
from tests.router.conftest import RouterUnderTest
from tests.router.played_ledger import PlayedLedger
from tests.router.queues import Queues
from tests.router.samples import submission
from tests.support import eventually


def said(
    granted: int = 10, clock_ns: int = 1, worker: str = "high-1", lease: float = 12, **more: Any
) -> AwaitUrgentRequest:
    return AwaitUrgentRequest(worker_id=worker, lease=to_duration(lease), granted=granted, clock_ns=clock_ns, **more)


class Waiting:
    """A worker's end of a stream."""

    def __init__(self, router: RouterUnderTest) -> None:
        self._workers = router.router._waiting  # type: ignore[union-attr]
        self.call = router.stub.AwaitUrgent()

    async def begin(self, message: AwaitUrgentRequest | None = None) -> None:
        """Returns when the router knows of it."""
        others = len(self._workers)
        await self.call.write(message or said())
        await eventually(lambda: len(self._workers) > others)

    async def read(self) -> AwaitUrgentResponse:
        """What comes next."""
        message = await asyncio.wait_for(self.call.read(), 10)
        assert isinstance(message, AwaitUrgentResponse)
        return message

    async def ids(self, count: int) -> list[str]:
        """The notifications that come next."""
        found: list[str] = []
        while len(found) < count:
            found += [one.ref.notification_id for one in (await self.read()).claimed]
        return found


Begin = Callable[..., Any]


@pytest.fixture
async def begin() -> AsyncIterator[Begin]:
    """Has workers wait at a router."""
    begun: list[Waiting] = []

    async def make(router: RouterUnderTest, message: AwaitUrgentRequest | None = None) -> Waiting:
        waiting = Waiting(router)
        begun.append(waiting)
        await waiting.begin(message)
        return waiting

    yield make
    for one in begun:
        one.call.cancel()


def high(**changes: Any) -> Any:
    return submission(template_name="otp", **changes)


async def published(queues: Queues, ids: list[str]) -> None:
    """Returns once exactly these have come through the HIGH queue."""
    seen: list[str] = []

    def all_seen() -> bool:
        seen.extend(queues.ids("HIGH"))
        return sorted(seen) == sorted(ids)

    await eventually(all_seen)


async def test_what_a_worker_waits_for_comes_by_its_stream_and_not_by_celery(
    run_router: Any, begin: Begin, ledger: PlayedLedger, queues: Queues
) -> None:
    router = await run_router()
    worker = await begin(router, said(clock_ns=77))
    (result,) = await router.submit(high())
    pushed = await worker.read()
    assert [one.ref.notification_id for one in pushed.claimed] == [result.notification_id]
    assert pushed.clock_ns == 77
    assert (result.status, result.replayed) == (Status.QUEUED, False)
    (later,) = await router.submit(submission())
    await eventually(lambda: later.notification_id in queues.ids("LOW"))
    assert queues.ids("HIGH") == []


async def test_the_answer_does_not_wait_for_the_worker(run_router: Any, begin: Begin) -> None:
    router = await run_router()
    await begin(router, said(granted=1_000))
    results = [await router.submit(high(user=f"u{number}")) for number in range(20)]
    assert all(not result.HasField("error") for (result,) in results)


async def test_without_a_broker_it_arrives_all_the_same(run_router: Any, begin: Begin) -> None:
    router = await run_router(broker_url="redis://127.0.0.1:1/0")
    worker = await begin(router, said(granted=2))
    results = [(await router.submit(high()))[0] for _ in range(3)]
    assert await worker.ids(2) == [result.notification_id for result in results[:2]]
    await worker.call.write(said(granted=4))
    await eventually(lambda: next(iter(router.router._waiting._workers)).room == 2)
    (after,) = await router.submit(high())  # though one waits for the broker to come back
    assert await worker.ids(1) == [after.notification_id]


async def test_of_what_is_more_than_it_takes_the_rest_goes_by_celery(
    run_router: Any, begin: Begin, queues: Queues
) -> None:
    router = await run_router()
    worker = await begin(router, said(granted=3))
    results = await router.submit(*[high() for _ in range(5)])
    ids = [result.notification_id for result in results]
    assert await worker.ids(3) == ids[:3]
    await published(queues, ids[3:])


async def test_the_worker_with_the_most_room_gets_it(run_router: Any, begin: Begin) -> None:
    router = await run_router()
    await begin(router, said(granted=2, worker="small"))
    large = await begin(router, said(granted=5, worker="large"))
    results = await router.submit(high(), high())
    assert await large.ids(2) == [result.notification_id for result in results]


NOT_WAITED_FOR: dict[str, dict[str, Any]] = {
    "at most once": {"delivery_guarantee": AT_MOST_ONCE},
    "a digest": {"digest_window": to_duration(60)},
    "larger than what is pushed": {"context_json": '{"name": "' + "x" * 70_000 + '"}'},
    "LOW": {"template_name": "newsletter"},
    "by a provider that the worker avoids": {"channel": "SMS", "to": "+4915112345678"},
    "by one that it avoids for the tenant": {"channel": "PUSH", "to": "device"},
}


@pytest.mark.parametrize("fields", NOT_WAITED_FOR.values(), ids=NOT_WAITED_FOR)
async def test_what_is_not_for_who_waits_goes_by_celery(
    run_router: Any, begin: Begin, queues: Queues, fields: dict[str, Any]
) -> None:
    router = await run_router()
    avoided = [AvoidForTenant(tenant_id="acme", provider="fcm"), AvoidForTenant(tenant_id="other", provider="smtp")]
    worker = await begin(router, said(avoid_providers=["twilio"], avoid_for_tenants=avoided))
    (result,) = await router.submit(submission(**({"template_name": "otp"} | fields)))
    lane = "LOW" if "template_name" in fields else "HIGH"
    await eventually(lambda: result.notification_id in queues.ids(lane))
    (other,) = await router.submit(high())
    assert await worker.ids(1) == [other.notification_id]


async def test_what_goes_to_a_provider_with_a_bound_waits_for_its_draw(
    run_router: Any, begin: Begin, ledger: PlayedLedger, queues: Queues
) -> None:
    router = await run_router(router_provider_rates="smtp=1000/1")
    await begin(router)
    (result,) = await router.submit(high())
    await eventually(lambda: result.notification_id in queues.ids("HIGH"))
    assert not ledger.rows[result.notification_id].entry.claim_at_once


@pytest.mark.parametrize("why", ["a ledger of the release before", "nothing was to be had"])
async def test_what_the_ledger_did_not_claim_goes_by_celery_and_the_worker_has_its_room_again(
    run_router: Any, begin: Begin, ledger: PlayedLedger, queues: Queues, why: str
) -> None:
    router = await run_router()
    worker = await begin(router, said(granted=1))
    ledger.claims = False
    results = [(await router.submit(high()))[0].notification_id for _ in range(3)]
    await published(queues, results)
    ledger.claims = True
    (claimed,) = await router.submit(high())
    assert await worker.ids(1) == [claimed.notification_id]


async def test_what_could_not_be_recorded_costs_no_room(run_router: Any, begin: Begin, ledger: PlayedLedger) -> None:
    router = await run_router()
    worker = await begin(router, said(granted=1))
    ledger.failure = PulseError(Code.FAILED_PRECONDITION, "ODD", "not now")
    assert (await router.submit(high()))[0].HasField("error")
    ledger.failure = None
    (claimed,) = await router.submit(high())
    assert await worker.ids(1) == [claimed.notification_id]


async def test_a_known_key_is_not_sent_again(run_router: Any, begin: Begin) -> None:
    router = await run_router()
    worker = await begin(router)
    (first,) = await router.submit(high(user="ada", idempotency_key="k"))
    (again,) = await router.submit(high(user="ada", idempotency_key="k"))
    (other,) = await router.submit(high())
    assert again.replayed
    assert await worker.ids(2) == [first.notification_id, other.notification_id]


async def test_who_was_silent_for_too_long_is_not_waited_for() -> None:
    now = [100.0]
    worker = WaitingWorker(lambda: now[0])
    worker.hear(said(granted=3))
    assert worker.room == 3
    now[0] += 1.6
    assert worker.room == 0
    worker.hear(said(granted=4))
    assert worker.room == 4


async def test_when_the_worker_leaves_what_is_under_way_still_comes(
    run_router: Any, begin: Begin, ledger: PlayedLedger, queues: Queues
) -> None:
    router = await run_router()
    worker = await begin(router)
    ledger.open.clear()
    under_way = asyncio.create_task(router.submit(high()))
    await eventually(lambda: ledger.arrived)
    await worker.call.done_writing()
    (before,) = router.router._waiting._workers
    await eventually(lambda: before.room == 0)
    ledger.open.set()
    ((result,),) = await asyncio.gather(under_way)
    assert await worker.ids(1) == [result.notification_id]
    assert await worker.call.read() is grpc.aio.EOF
    assert await worker.call.code() is grpc.StatusCode.OK
    (later,) = await router.submit(high())
    await eventually(lambda: later.notification_id in queues.ids("HIGH"))


async def test_a_worker_that_is_gone_is_waited_for_no_more(run_router: Any, begin: Begin, queues: Queues) -> None:
    router = await run_router()
    worker = await begin(router)
    worker.call.cancel()
    await eventually(lambda: not len(router.router._waiting))
    (result,) = await router.submit(high())
    await eventually(lambda: result.notification_id in queues.ids("HIGH"))


async def test_a_router_that_stops_lets_its_workers_go(run_router: Any, begin: Begin) -> None:
    router = await run_router(drain_seconds=20)
    worker = await begin(router)
    await asyncio.wait_for(router.stop(), 5)
    assert await worker.call.read() is grpc.aio.EOF
    assert await worker.call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("fields", [{"worker": ""}, {"lease": 0}, {"lease": -1}])
@pytest.mark.parametrize("at", ["first", "later"])
async def test_a_message_that_says_too_little_ends_the_stream(
    run_router: Any, begin: Begin, fields: dict[str, Any], at: str
) -> None:
    router = await run_router()
    worker = Waiting(router)
    if at == "later":
        await worker.begin()
    await worker.call.write(said(**fields))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await worker.call.read()
    assert from_rpc_error(raised.value).code is Code.INVALID_ARGUMENT


def test_so_many_wait_and_none_after_it_is_closed() -> None:
    async def run() -> None:
        workers = WaitingWorkers()
        for _ in range(MOST_WAITING):
            workers.enter(WaitingWorker())
        with pytest.raises(PulseError) as many:
            workers.enter(WaitingWorker())
        workers.close()
        with pytest.raises(PulseError) as closed:
            workers.enter(WaitingWorker())
        assert (many.value.code, closed.value.code) == (Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE)

    asyncio.run(run())
