"""A worker process, fed through the real broker."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu import Connection

from proof.planning import make_plan
from shared.broker import DELIVER_TASK, QUEUES, celery_app, encode_refs
from shared.config import base_environment
from shared.refs import Ref
from tests.delivery.conftest import Sandbox
from tests.delivery.fakes import FakeLedger
from tests.metrics.scraping import scrape
from tests.support import eventually
from tests.support.servers import valkey_server


class RunningWorker:
    """A worker process and the log that it wrote so far."""

    def __init__(self, process: asyncio.subprocess.Process, broker_url: str, home: Path) -> None:
        self.process = process
        self.home = home
        self._app = celery_app(broker_url)

    @property
    def log(self) -> str:
        return (self.home / "worker.log").read_text()

    async def wake(self, *refs: Ref, lane: str = "LOW") -> None:
        await self.publish(DELIVER_TASK, [encode_refs(refs)], lane)

    async def publish(self, name: str, args: object, lane: str = "LOW") -> None:
        await asyncio.to_thread(self._app.send_task, name, args, queue=QUEUES[lane])


Start = Callable[..., Awaitable[RunningWorker]]


@pytest.fixture
async def start_worker(
    ledger: tuple[FakeLedger, str], sandbox: Sandbox, broker_url: str, tmp_path: Path
) -> AsyncIterator[Start]:
    """Starts a worker and waits until it consumes; kills it at the end if it still runs."""
    running: list[RunningWorker] = []

    async def start(lane: str = "low", **settings: str) -> RunningWorker:
        environment = {
            **base_environment(),
            "PULSE_HOME": str(tmp_path),
            "PULSE_BROKER_URL": broker_url,
            "PULSE_LEDGER_ADDRESS": ledger[1],
            "PULSE_SMTP_HOST": "127.0.0.1",
            "PULSE_SMTP_PORT": str(sandbox.smtp_port),
            "PULSE_TWILIO_ACCOUNT_SID": "AC1",
            "PULSE_TWILIO_AUTH_TOKEN": "token",
            "PULSE_TWILIO_FROM": "+15005550006",
            "PULSE_TWILIO_BASE_URL": sandbox.http,
            "PULSE_FCM_BASE_URL": sandbox.http,
            "PULSE_PUBLIC_URL": "http://127.0.0.1:9",
            **settings,
        }
        with (tmp_path / "worker.log").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.delivery.worker", lane, env=environment, stdout=output, stderr=output
            )
        worker = RunningWorker(process, broker_url, tmp_path)
        running.append(worker)
        ready = tmp_path / "run" / f"worker-{lane}.ready"
        await eventually(lambda: ready.exists() or process.returncode is not None)
        assert process.returncode is None, worker.log
        assert ready.read_text().strip() == str(process.pid)
        return worker

    yield start
    for worker in running:
        if worker.process.returncode is None:
            worker.process.kill()
            await worker.process.wait()


async def test_what_the_broker_wakes_it_for_is_sent_and_settled(
    start_worker: Start, ledger: tuple[FakeLedger, str], sandbox: Sandbox
) -> None:
    worker = await start_worker()
    refs = [ledger[0].add(f"user{number}@example.org") for number in range(20)]
    await worker.wake(*refs)
    await eventually(lambda: len(ledger[0].settled) == 20)
    assert {ledger[0].outcome(ref) for ref in refs} == {"SUCCEEDED"}
    assert {receipt["notification_id"] for receipt in sandbox.receipts()} == {ref[1] for ref in refs}
    assert "user1@example.org" not in worker.log


async def test_every_channel_goes_through_its_provider(
    start_worker: Start, ledger: tuple[FakeLedger, str], sandbox: Sandbox
) -> None:
    worker = await start_worker("high")
    refs = [
        ledger[0].add("ada@example.org"),
        ledger[0].add("+4915112345678", provider="twilio", channel="SMS"),
        ledger[0].add("device-token", provider="fcm", channel="PUSH"),
    ]
    await worker.wake(*refs, lane="HIGH")
    await eventually(lambda: len(ledger[0].settled) == 3)
    assert {ledger[0].outcome(ref) for ref in refs} == {"SUCCEEDED"}
    by_channel = {receipt["channel"]: receipt["notification_id"] for receipt in sandbox.receipts()}
    assert by_channel == dict(zip(("email", "sms", "push"), (ref[1] for ref in refs), strict=True))


async def test_sigterm_ends_it_with_status_zero_and_removes_the_ready_file(start_worker: Start) -> None:
    worker = await start_worker("high")
    worker.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(worker.process.wait(), 30) == 0
    assert not (worker.home / "run" / "worker-high.ready").exists()


async def test_several_processes_of_a_lane_share_its_work_and_their_parent_has_the_ready_file(
    start_worker: Start, ledger: tuple[FakeLedger, str]
) -> None:
    worker = await start_worker(PULSE_WORKER_LOW_PROCESSES="2", PULSE_METRICS_PORT="0")
    await eventually(lambda: len(logged(worker, "consuming")) == 2)
    refs = [ledger[0].add(f"user{number}@example.org") for number in range(40)]
    await asyncio.gather(*(worker.wake(ref) for ref in refs))
    await eventually(lambda: len(ledger[0].settled) == 40)
    assert {ledger[0].outcome(ref) for ref in refs} == {"SUCCEEDED"}
    found = await asyncio.to_thread(scrape, (worker.home / "run" / "worker-low.metrics").read_text().strip())
    assert (found.value("pulse_attempts_total"), found.value("pulse_worker_capacity")) == (40, 2 * 1024)
    worker.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(worker.process.wait(), 30) == 0
    assert not (worker.home / "run" / "worker-low.ready").exists()
    assert sorted(line["process"] for line in logged(worker, "stopped") if "process" in line) == [1, 2]


def logged(worker: RunningWorker, event: str) -> list[dict[str, Any]]:
    lines = (json.loads(text) for text in worker.log.splitlines() if text.startswith("{"))  # Celery greets in words
    return [line for line in lines if line["event"] == event]


async def test_everything_in_hand_is_handed_back_at_sigterm(
    start_worker: Start, ledger: tuple[FakeLedger, str], sandbox: Sandbox
) -> None:
    worker = await start_worker(PULSE_SMTP_CONNECTIONS="2", PULSE_DELIVERY_STALL_SECONDS="60")
    sandbox.fault("smtp", "delay_ms", 1500)
    refs = [ledger[0].add(f"user{number}@example.org") for number in range(10)]
    await worker.wake(*refs)
    await eventually(lambda: sandbox.call("GET", "/api/faults")[0]["used"] == 2)
    worker.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(worker.process.wait(), 30) == 0
    outcomes = [ledger[0].outcome(ref) for ref in refs]
    assert (outcomes.count("SUCCEEDED"), outcomes.count("RELEASED")) == (2, 8)
    assert len(sandbox.receipts()) == 2


async def test_a_task_that_waits_for_room_goes_back_to_the_broker_at_sigterm(
    start_worker: Start, ledger: tuple[FakeLedger, str], sandbox: Sandbox, broker_url: str
) -> None:
    worker = await start_worker(PULSE_WORKER_LOW_IN_FLIGHT="1")
    sandbox.fault("smtp", "delay_ms", 1500)
    first, second = ledger[0].add("ada@example.org"), ledger[0].add("bob@example.org")
    await worker.wake(first)
    await eventually(lambda: len(ledger[0].due) == 1)
    await worker.wake(second)
    with redis.Redis.from_url(broker_url) as broker:
        await eventually(lambda: not broker.exists(QUEUES["LOW"]))
        worker.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.process.wait(), 30) == 0
        assert broker.llen(QUEUES["LOW"]) == 1
    assert ledger[0].outcome(first) == "SUCCEEDED"
    assert list(ledger[0].due) == [second]


CANARY = "canary-7f3a@example.org"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("pulse.unknown", [[CANARY]]),
        (DELIVER_TASK, [CANARY]),
        (DELIVER_TASK, [{"to": CANARY}]),
        (DELIVER_TASK, []),
        (DELIVER_TASK, [[["default", CANARY], CANARY, [CANARY, CANARY, CANARY]]]),
    ],
)
async def test_what_it_cannot_use_is_dropped_without_showing_it(
    start_worker: Start, ledger: tuple[FakeLedger, str], name: str, args: list[Any]
) -> None:
    worker = await start_worker()
    await worker.publish(name, args)
    ref = ledger[0].add("ada@example.org")
    await worker.wake(ref)
    await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")
    await eventually(lambda: "dropped" in worker.log)
    assert CANARY not in worker.log
    assert "Traceback" not in worker.log


@pytest.mark.parametrize("content_type", ["application/x-python-serialize", "application/json"])
async def test_pickle_and_broken_json_are_dropped_without_showing_them(
    start_worker: Start, ledger: tuple[FakeLedger, str], broker_url: str, content_type: str
) -> None:
    worker = await start_worker()
    with Connection(broker_url) as connection, connection.Producer() as producer:
        producer.publish(
            f"\x80{CANARY}".encode(),
            routing_key=QUEUES["LOW"],
            content_type=content_type,
            content_encoding="utf-8",
            headers={"task": DELIVER_TASK, "id": "1", "lang": "py", "argsrepr": "", "kwargsrepr": ""},
        )
    ref = ledger[0].add("ada@example.org")
    await worker.wake(ref)
    await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")
    assert CANARY not in worker.log


async def test_garbage_in_the_queue_itself_does_not_end_the_worker(
    start_worker: Start, ledger: tuple[FakeLedger, str], broker_url: str
) -> None:
    worker = await start_worker()
    with redis.Redis.from_url(broker_url) as broker:
        broker.lpush(QUEUES["LOW"], f"not json {CANARY}")
    ref = ledger[0].add("ada@example.org")
    await worker.wake(ref)
    await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")
    assert worker.process.returncode is None
    assert CANARY not in worker.log


async def test_lanes_take_from_their_own_queue_alone(start_worker: Start, ledger: tuple[FakeLedger, str]) -> None:
    worker = await start_worker("high")
    low, high = ledger[0].add("ada@example.org"), ledger[0].add("bob@example.org")
    await worker.wake(low, lane="LOW")
    await worker.wake(high, lane="HIGH")
    await eventually(lambda: ledger[0].outcome(high) == "SUCCEEDED")
    assert list(ledger[0].due) == [low]


@pytest.mark.parametrize("told", ["by its settings", "by Flower"])
async def test_flower_sees_its_events(
    start_worker: Start, ledger: tuple[FakeLedger, str], broker_url: str, told: str
) -> None:
    seen: set[str] = set()
    app = celery_app(broker_url)
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": lambda event: seen.add(event["type"])})
        watching = asyncio.create_task(asyncio.to_thread(receiver.capture))
        try:
            worker = await start_worker(PULSE_WORKER_EVENTS=str(told == "by its settings"))
            if told == "by Flower":
                await asyncio.to_thread(app.control.enable_events, reply=True, timeout=30.0, limit=1)
            await worker.wake(ledger[0].add("ada@example.org"))
            await eventually(lambda: {"worker-heartbeat", "task-received", "task-succeeded"} <= seen)
        finally:
            receiver.should_stop = True
            await watching


async def test_remote_control_is_off_in_production(start_worker: Start, broker_url: str) -> None:
    worker = await start_worker(PULSE_ENV="production")
    app = celery_app(broker_url)
    assert await asyncio.to_thread(app.control.ping, timeout=1.0) == []
    await asyncio.to_thread(app.control.shutdown)
    assert worker.process.returncode is None


@pytest.mark.parametrize("arguments", [[], ["medium"], ["high", "low"]])
async def test_a_lane_must_be_named(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "services.delivery.worker", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"high|low" in said


async def test_a_broker_that_comes_back_empty_is_found_again(
    start_worker: Start, ledger: tuple[FakeLedger, str], tmp_path: Path
) -> None:
    plan = make_plan(tmp_path / "broker")
    with valkey_server(plan) as url:
        worker = await start_worker(PULSE_BROKER_URL=f"{url}/1")
    await eventually(lambda: worker.log.count("broker not reached") >= 3)
    with valkey_server(plan) as url:
        ref = ledger[0].add("ada@example.org")
        app = celery_app(f"{url}/1")
        await asyncio.to_thread(app.send_task, DELIVER_TASK, [encode_refs([ref])], queue=QUEUES["LOW"])
        await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")
    await eventually(lambda: worker.log.count("broker not reached") >= 4)
    worker.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(worker.process.wait(), 30) == 0


async def worker_is_waiting(broker: redis.Redis) -> None:
    """Returns once a worker blocks on its queue."""
    await eventually(lambda: any(client["cmd"] == "brpop" for client in broker.client_list()))


async def test_a_connection_that_breaks_under_an_unacknowledged_task_ends_no_worker(
    start_worker: Start, ledger: tuple[FakeLedger, str], tmp_path: Path
) -> None:
    plan = make_plan(tmp_path / "broker")
    with valkey_server(plan) as url, redis.Redis.from_url(f"{url}/1") as broker:
        worker = await start_worker(PULSE_BROKER_URL=f"{url}/1", PULSE_WORKER_LOW_IN_FLIGHT="1")
        await worker_is_waiting(broker)
        refs = [ledger[0].add(f"ada{n}@example.org") for n in range(40)]
        app = celery_app(f"{url}/1")
        for ref in refs:
            await asyncio.to_thread(app.send_task, DELIVER_TASK, [encode_refs([ref])], queue=QUEUES["LOW"])
        for _ in range(5):
            await worker_is_waiting(broker)
            broker.client_kill_filter(_type="normal", skipme=True)
        await eventually(lambda: any(ledger[0].outcome(ref) == "SUCCEEDED" for ref in refs))
        assert worker.process.returncode is None, worker.log
