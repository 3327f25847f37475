"""A worker waits at its routers' own streams for what the ledger claimed for it, and sends it like all else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc
import pytest

from pulse.ledger.v1 import records_pb2
from pulse.router.v1.router_service_pb2_grpc import add_RouterServiceServicer_to_server
from services.delivery.config import DeliverySettings
from services.delivery.ledger import LedgerClient
from services.delivery.rules.provider import Outcome, Outgoing, succeeded, transient
from services.delivery.worker import routers
from services.delivery.worker.engine import Engine
from services.delivery.worker.router_stream import WorkerState
from services.delivery.worker.routers import Routers, addresses
from services.router.dispatch.urgent_stream import UrgentStreams
from services.router.dispatch.waiting_workers import WaitingWorkers
from services.router.service import RouterService
from shared.observe.tracing import OFF
from shared.rpc.channels import open_channel
from shared.rpc.serving import Server
from tests.delivery.fakes import FakeLedger, FakeProvider
from tests.support import eventually


class WaitedAt:
    """A router's streams, behind real gRPC, and a ledger that claims whatever is recorded."""

    def __init__(self, ledger: FakeLedger, listen: str = "127.0.0.1:0", *, former: bool = False) -> None:
        self._ledger = ledger
        self.workers = WaitingWorkers()
        self._server = Server(listen, [], reflect=False, drain_seconds=0.1)
        streams = UrgentStreams(self.workers, OFF, lambda _: None)
        self.asked = 0
        servicer = RouterService(None, streams)  # type: ignore[arg-type]  # it admits nothing here
        if former:
            servicer.AwaitUrgent = self._unimplemented  # type: ignore[method-assign]
        add_RouterServiceServicer_to_server(servicer, self._server.grpc)
        self.address = f"127.0.0.1:{self._server.port}"

    async def _unimplemented(self, _: Any, context: Any) -> AsyncIterator[Any]:
        """As gRPC answers for a method that a server does not have."""
        self.asked += 1
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        yield

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        self.workers.close()
        await self._server.stop()

    def push(self, *refs: tuple[str, str], age_s: float = 0.0) -> int:
        """Has ``refs`` claimed for a worker that waits; how many of them it took."""
        due = [self._ledger.due[ref] for ref in refs]
        entries = [records_pb2.Entry(ref=one.ref, asked=one.asked, route=[one.provider]) for one in due]
        batch = self.workers.take(entries)
        if batch is None:
            return 0
        batch._clock_ns -= int(age_s * 1e9)
        taken = [self._ledger.due.pop(ref) for ref, entry in zip(refs, entries, strict=True) if entry.claim_at_once]
        batch.end(taken)
        return len(taken)

    async def room(self, wanted: int) -> None:
        """Returns when the workers that wait take so many."""
        await eventually(lambda: sum(worker.room for worker in self.workers._workers) == wanted)


class Worker:
    """An engine and the routers that it waits at."""

    def __init__(self, engine: Engine, waiting_at: Routers) -> None:
        self.engine = engine
        self.routers = waiting_at


Start = Callable[..., Worker]
Peers = tuple[FakeLedger, str]


@pytest.fixture
async def start(ledger: Peers) -> AsyncIterator[Start]:
    """Makes workers that wait at a router, and stops them at the end."""
    channel = open_channel(ledger[1])
    workers: list[Worker] = []

    def make(
        address: str,
        *providers: FakeProvider,
        most: int = 8,
        in_flight: int = 64,
        connections: int = 1,
        **settings: Any,
    ) -> Worker:
        configured = DeliverySettings(**settings)
        client = LedgerClient(channel, worker_id="test", lease=configured.delivery_lease_seconds)
        engine = Engine(client, {each.name: each for each in providers}, configured, in_flight)
        state = WorkerState("test", configured.delivery_lease_seconds, engine.avoided)
        own = partial(open_channel, own_connection=True)
        waiting_at = Routers(address, own, engine.offers, state, client.read, most=most, connections=connections)
        waiting_at.start()
        workers.append(Worker(engine, waiting_at))
        return workers[-1]

    yield make
    for worker in workers:
        await worker.routers.stop()
        await worker.engine.stop()
    await channel.close()


@pytest.fixture
async def router(ledger: Peers) -> AsyncIterator[WaitedAt]:
    made = WaitedAt(ledger[0])
    await made.start()
    yield made
    await made.stop()


def gate() -> tuple[asyncio.Event, FakeProvider]:
    """A provider that answers when the event is set."""
    opened = asyncio.Event()

    async def answer(_: Outgoing) -> Outcome:
        await opened.wait()
        return succeeded("1")

    return opened, FakeProvider(answer=answer)


async def test_a_worker_waits_again_after_an_error_that_nobody_foresaw(
    start: Start, router: WaitedAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routers, "LONGEST_PAUSE", 0.05)
    say, failures = WorkerState.message, [RuntimeError("unforeseen")]

    def message(state: WorkerState, granted: int) -> Any:
        if failures:
            raise failures.pop()
        return say(state, granted)

    monkeypatch.setattr(WorkerState, "message", message)
    start(router.address, FakeProvider())
    await router.room(8)
    assert not failures


async def test_what_a_router_pushes_is_sent_and_settled_without_a_claim(
    start: Start, ledger: Peers, router: WaitedAt
) -> None:
    provider = FakeProvider()
    start(router.address, provider)
    await router.room(8)
    ref = ledger[0].add("ada@example.org")
    assert router.push(ref) == 1
    await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")
    assert ([one.to for one in provider.sent], ledger[0].claim_calls) == (["ada@example.org"], 0)


async def test_where_processes_share_an_address_it_waits_by_several_connections(
    start: Start, ledger: Peers, router: WaitedAt
) -> None:
    provider = FakeProvider()
    start(router.address, provider, most=9, connections=4)
    await router.room(8)
    assert [worker.room for worker in router.workers._workers] == [2] * 4
    refs = [ledger[0].add(f"user{number}@example.org") for number in range(6)]
    assert [router.push(ref) for ref in refs] == [1] * 6
    await eventually(lambda: {ledger[0].outcome(ref) for ref in refs} == {"SUCCEEDED"})


async def test_many_more_than_it_takes_at_once_go_through(start: Start, ledger: Peers, router: WaitedAt) -> None:
    start(router.address, FakeProvider(), most=4, in_flight=16)
    refs = [ledger[0].add(f"user{number}@example.org") for number in range(100)]
    waiting = list(refs)

    def all_pushed() -> bool:
        del waiting[: router.push(*waiting)]
        return not waiting

    await eventually(all_pushed)
    await eventually(lambda: len(ledger[0].settled) == 100)
    assert {ledger[0].outcome(ref) for ref in refs} == {"SUCCEEDED"}


async def test_a_worker_whose_hands_are_full_takes_no_more(start: Start, ledger: Peers, router: WaitedAt) -> None:
    opened, provider = gate()
    start(router.address, provider, most=4, in_flight=8)
    taken = 0
    for left in (4, 4, 0):
        await router.room(left)
        taken += router.push(*(ledger[0].add("ada@example.org") for _ in range(left or 1)))
    assert taken == 8
    opened.set()
    await eventually(lambda: len(ledger[0].settled) == 8)
    await router.room(4)


async def test_what_it_offers_keeps_no_task_waiting(start: Start, ledger: Peers, router: WaitedAt) -> None:
    worker = start(router.address, FakeProvider(), most=2, in_flight=8)
    await router.room(2)
    refs = [ledger[0].add(f"user{number}@example.org") for number in range(50)]
    await asyncio.wait_for(worker.engine.take(refs), 20)
    await eventually(lambda: len(ledger[0].settled) == 50)
    assert worker.engine._room.taken == 0
    await worker.routers.stop()
    assert worker.engine._room.spare == 8


async def test_a_push_that_was_long_on_its_way_is_handed_back_before_its_lease_ends(
    start: Start, ledger: Peers, router: WaitedAt
) -> None:
    provider = FakeProvider()
    start(router.address, provider, delivery_lease_seconds=12.0, delivery_call_seconds=5.0)
    await router.room(8)
    late, fresh = ledger[0].add("ada@example.org"), ledger[0].add("bob@example.org")
    router.push(late, age_s=8)
    router.push(fresh, age_s=2)
    await eventually(lambda: len(ledger[0].settled) == 2)
    assert (ledger[0].outcome(late), ledger[0].failure(late)) == ("RELEASED", "LEASE_TOO_SHORT")
    assert ledger[0].outcome(fresh) == "SUCCEEDED"
    assert [one.to for one in provider.sent] == ["bob@example.org"]


async def test_a_provider_that_fails_is_told_to_the_router_and_what_still_comes_is_handed_back(
    start: Start, ledger: Peers, router: WaitedAt
) -> None:
    async def fail(_: Outgoing) -> Outcome:
        return transient("DOWN", "it is down")

    worker = start(router.address, FakeProvider(answer=fail), delivery_breaker_least_calls=2, delivery_breaker_calls=2)
    await router.room(8)
    router.push(*(ledger[0].add("ada@example.org") for _ in range(4)))
    await eventually(lambda: worker.engine.avoided().by_all)
    (waiting,) = router.workers._workers
    still = ledger[0].add("bob@example.org")
    if router.push(still):  # the router may have heard already
        await eventually(lambda: ledger[0].outcome(still) == "RELEASED")
    await eventually(lambda: waiting._avoided)
    assert router.push(ledger[0].add("bob@example.org")) == 0


async def test_one_that_cannot_be_read_costs_no_room(start: Start, ledger: Peers, router: WaitedAt) -> None:
    start(router.address, FakeProvider(), most=2)
    await router.room(2)
    odd, good = ledger[0].add("ada@example.org"), ledger[0].add("bob@example.org")
    ledger[0].due[odd].create_time.seconds = 2**62
    assert router.push(odd, good) == 2
    await eventually(lambda: ledger[0].outcome(good) == "SUCCEEDED")
    await router.room(2)
    assert ledger[0].outcome(odd) == ""


async def test_what_is_under_way_when_it_stops_is_settled(start: Start, ledger: Peers, router: WaitedAt) -> None:
    opened, provider = gate()
    worker = start(router.address, provider)
    await router.room(8)
    first, last = ledger[0].add("ada@example.org"), ledger[0].add("bob@example.org")
    router.push(first)
    await eventually(lambda: provider.sent)
    batch = router.workers.take([records_pb2.Entry(asked=ledger[0].due[last].asked, route=["smtp"])])
    assert batch is not None
    worker.routers.leave()
    await eventually(lambda: all(not one.room for one in router.workers._workers))
    stopping = asyncio.create_task(worker.routers.stop())
    batch.end([ledger[0].due.pop(last)])
    await stopping
    opened.set()
    await worker.engine.stop()
    assert [ledger[0].outcome(ref) for ref in (first, last)] == ["SUCCEEDED", "SUCCEEDED"]


async def test_a_router_of_the_release_before_is_asked_again_now_and_then_and_said_once(
    start: Start, ledger: Peers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(routers, "REFUSED_PAUSE", 0.05)
    former = WaitedAt(ledger[0], former=True)
    await former.start()
    worker = start(former.address, FakeProvider())
    ref = ledger[0].add("ada@example.org")
    await worker.engine.take([ref])
    await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")
    await eventually(lambda: former.asked >= 3)
    assert capsys.readouterr().out.count("no HIGH notifications from a router") == 1
    await former.stop()
    newer = WaitedAt(ledger[0], former.address)
    await newer.start()
    await newer.room(8)
    await newer.stop()


async def test_it_waits_again_at_a_router_that_was_away(start: Start, ledger: Peers, router: WaitedAt) -> None:
    start(router.address, FakeProvider())
    await router.room(8)
    await router.stop()
    again = WaitedAt(ledger[0], router.address)
    await again.start()
    await again.room(8)
    ref = ledger[0].add("ada@example.org")
    assert again.push(ref) == 1
    await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")
    await again.stop()


async def test_it_waits_at_every_router_and_offers_each_its_share(
    start: Start, ledger: Peers, router: WaitedAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = WaitedAt(ledger[0])
    await other.start()
    found = [[router.address], [router.address, other.address], [other.address]]

    async def resolved(_: str) -> list[str]:
        return found[0] if len(found) == 1 else found.pop(0)

    monkeypatch.setattr(routers, "addresses", resolved)
    monkeypatch.setattr(routers, "LOOK", 0.3)
    start("router:50052", FakeProvider(), most=8)
    await other.room(4)
    await other.room(8)
    await eventually(lambda: not len(router.workers))
    await other.stop()


async def test_a_worker_says_how_it_stands_without_being_asked(start: Start, ledger: Peers, router: WaitedAt) -> None:
    start(router.address, FakeProvider())
    await router.room(8)
    (waiting,) = router.workers._workers
    heard = waiting._said.clock_ns
    await eventually(lambda: waiting._said.clock_ns > heard)
    assert 0 <= time.monotonic_ns() - waiting._said.clock_ns < 1.5e9


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("127.0.0.1:50052", ["127.0.0.1:50052"]),
        ("dns:///127.0.0.1:50052", ["127.0.0.1:50052"]),
        ("dns:127.0.0.1:1", ["127.0.0.1:1"]),
        ("[::1]:50052", ["[::1]:50052"]),
        ("unix:/tmp/router", ["unix:/tmp/router"]),
        ("ipv4:10.0.0.1:1,10.0.0.2:1", ["ipv4:10.0.0.1:1,10.0.0.2:1"]),
        ("dns://10.0.0.1/router:50052", ["dns://10.0.0.1/router:50052"]),
        ("nowhere.invalid:50052", None),
    ],
)
async def test_a_target_names_its_addresses(target: str, found: list[str] | None) -> None:
    assert await addresses(target) == found


@pytest.mark.parametrize("most", [64, 1_000])
async def test_what_is_set_aside_for_routers_leaves_room_for_what_the_worker_asks_for(
    start: Start, ledger: Peers, router: WaitedAt, most: int
) -> None:
    worker = start(router.address, FakeProvider(), most=most, in_flight=4 * most)
    await eventually(lambda: sum(one.room for one in router.workers._workers) > 0)
    ref = ledger[0].add("ada@example.org")
    await asyncio.wait_for(worker.engine.take([ref]), 5)
    await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")
