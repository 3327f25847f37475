"""What a worker tells of its providers, between a fake ledger and fake providers."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.delivery.config import DeliverySettings
from services.delivery.ledger import LedgerClient
from services.delivery.rules.provider import Outcome, Outgoing, permanent, succeeded, transient, unanswered
from services.delivery.worker.engine import Engine
from services.delivery.worker.metrics import DeliveryMetrics
from shared.clock import SystemClock
from shared.observe.metrics import Metrics
from shared.rpc.channels import open_channel
from shared.times import to_timestamp
from tests.delivery.fakes import FakeLedger, FakeProvider, serve
from tests.support import eventually

SETTINGS = {
    "delivery_stall_seconds": 0.2,
    "delivery_call_seconds": 9.0,
    "delivery_lease_seconds": 20.0,
    "delivery_breaker_pause_seconds": 0.2,
}


class Worker:
    """An engine and what it counts."""

    def __init__(self, ledger: FakeLedger, engine: Engine, registry: CollectorRegistry) -> None:
        self.ledger = ledger
        self.engine = engine
        self._registry = registry

    def value(self, name: str, **labels: str) -> float:
        return self._registry.get_sample_value(name, labels) or 0.0

    def breaker(self) -> float:
        return self.value("pulse_provider_breaker_state", provider="smtp")

    def attempts(self, outcome: str) -> float:
        return self.value("pulse_attempts_total", provider="smtp", channel="email", outcome=outcome)


@pytest.fixture
async def start() -> AsyncIterator[Callable[[FakeProvider], Worker]]:
    """Makes a worker with one provider; stopped at the end."""
    ledger = FakeLedger()
    server = await serve(ledger)
    channel = open_channel(f"127.0.0.1:{server.port}")
    engines: list[Engine] = []

    def make(provider: FakeProvider) -> Worker:
        metrics = Metrics()
        client = LedgerClient(channel, worker_id="test", lease=20.0)
        counted = DeliveryMetrics(metrics, SystemClock())
        engines.append(Engine(client, {"smtp": provider}, DeliverySettings(**SETTINGS), 80, counted))
        return Worker(ledger, engines[-1], metrics.registry)

    yield make
    for engine in engines:
        await engine.stop()
    await channel.close()
    await server.stop()


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (succeeded("1"), "succeeded"),
        (transient("450", "later"), "transient_failure"),
        (permanent("550", "never"), "permanent_failure"),
        (unanswered("CUT", "the line was cut"), "unanswered"),
    ],
)
async def test_an_attempt_counts_by_its_outcome_and_only_a_success_as_a_delivery(
    start: Any, outcome: Outcome, name: str
) -> None:
    async def answer(_: Outgoing) -> Outcome:
        return outcome

    worker = start(FakeProvider(answer=answer))
    await worker.engine.take([worker.ledger.add("ada@example.org")])
    await eventually(lambda: worker.attempts(name) == 1)
    assert worker.value("pulse_provider_call_seconds_count", provider="smtp") == 1
    delivered = float(name == "succeeded")
    assert worker.value("pulse_accept_to_provider_seconds_count", lane="low") == delivered
    assert worker.value("pulse_notification_delivery_latency_seconds_count", channel="email") == delivered


async def test_a_breaker_opens_when_a_provider_stalls_and_closes_when_probes_succeed(start: Any) -> None:
    opened = asyncio.Event()

    async def answer(_: Outgoing) -> Outcome:
        await opened.wait()
        return succeeded("1")

    worker = start(FakeProvider(concurrency=2, answer=answer))
    assert worker.breaker() == 0
    await worker.engine.take([worker.ledger.add("ada@example.org") for _ in range(10)])
    assert worker.value("pulse_worker_in_hand") == 10
    assert worker.value("pulse_worker_capacity") == 80
    await eventually(lambda: worker.value("pulse_provider_waiting", provider="smtp") == 8)
    await eventually(lambda: worker.breaker() == 2)
    await eventually(lambda: worker.attempts("released") == 8)
    assert worker.value("pulse_provider_waiting", provider="smtp") == 0
    opened.set()
    await eventually(lambda: worker.value("pulse_worker_in_hand") == 0)

    async def probed() -> bool:
        await worker.engine.take([worker.ledger.add("ada@example.org")])
        return worker.breaker() == 0

    await eventually(probed)
    for state in ("open", "half_open", "closed"):
        assert worker.value("pulse_provider_breaker_transitions_total", provider="smtp", state=state) == 1


async def test_a_worker_is_timed_from_when_a_scheduled_notification_might_be_sent(start: Any) -> None:
    worker = start(FakeProvider())
    now = dt.datetime.now(dt.UTC)
    accepted = to_timestamp(now - dt.timedelta(hours=1))
    ref = worker.ledger.add("ada@example.org", ready_time=to_timestamp(now))
    worker.ledger.due[ref].create_time.CopyFrom(accepted)
    await worker.engine.take([ref])
    await eventually(lambda: worker.attempts("succeeded") == 1)
    assert worker.value("pulse_accept_to_provider_seconds_sum", lane="low") < 60
    assert worker.value("pulse_notification_delivery_latency_seconds_sum", channel="email") >= 3600
