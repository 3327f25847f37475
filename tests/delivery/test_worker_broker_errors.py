"""A worker outlives whatever its broker answers: it connects again, and goes on when the broker does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from proof.planning import make_plan
from shared.broker import DELIVER_TASK, QUEUES, celery_app, encode_refs
from tests.delivery.fakes import FakeLedger
from tests.delivery.test_worker import RunningWorker, Start, start_worker
from tests.support import eventually
from tests.support.far_link import through
from tests.support.servers import valkey_server

__all__ = ["start_worker"]  # a fixture

PASSWORD = "canary-5d1e"

Ledger = tuple[FakeLedger, str]


class Broker:
    """A Valkey of the test's own, which it may spoil."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/1"
        self.admin = redis.Redis.from_url(self.url)

    def waiting(self) -> list[int]:
        """Connections that wait for a task."""
        return [int(one["id"]) for one in self.admin.client_list() if one["cmd"] == "brpop"]


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    with valkey_server(make_plan(tmp_path / "broker")) as url:
        own = Broker(url)
        yield own
        own.admin.close()


def unblock(broker: Broker) -> None:
    for one in broker.waiting():
        broker.admin.client_unblock(one, error=True)


def wrong_type(broker: Broker) -> None:
    broker.admin.set(QUEUES["LOW"], "text")


def replica(broker: Broker) -> None:
    broker.admin.replicaof("127.0.0.1", 1)


def replica_without_primary(broker: Broker) -> None:
    broker.admin.config_set("replica-serve-stale-data", "no")
    broker.admin.replicaof("127.0.0.1", 1)
    reconnect(broker)


def password(broker: Broker) -> None:
    broker.admin.config_set("requirepass", PASSWORD)
    broker.admin.auth(PASSWORD)
    reconnect(broker)


def no_permission(broker: Broker) -> None:
    broker.admin.execute_command("ACL", "SETUSER", "default", "-brpop")
    reconnect(broker)


def full(broker: Broker) -> None:
    broker.admin.config_set("maxmemory", "1")
    reconnect(broker)


def reconnect(broker: Broker) -> None:
    broker.admin.client_kill_filter(_type="normal", skipme=True)


def mend(broker: Broker) -> None:
    broker.admin.config_set("requirepass", urlsplit(broker.url).password or "")
    broker.admin.config_set("maxmemory", "0")
    broker.admin.replicaof("NO", "ONE")
    broker.admin.execute_command("ACL", "SETUSER", "default", "+@all")
    broker.admin.delete(QUEUES["LOW"])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (unblock, "UNBLOCKED"),
        (wrong_type, "WRONGTYPE"),
        (replica, ""),  # UNBLOCKED first, then READONLY
        (replica_without_primary, "MASTERDOWN"),
        (password, "WRONGPASS"),
        (no_permission, "NOPERM"),
        (full, ""),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_a_real_brokers_refusal_ends_no_worker(
    start_worker: Start, ledger: Ledger, broker: Broker, spoil: Callable[[Broker], None], said: str
) -> None:
    worker = await start_worker(PULSE_BROKER_URL=broker.url)
    await eventually(broker.waiting)
    spoil(broker)
    await eventually(lambda: said in worker.log and ("broker lost" in worker.log or "broker not reached" in worker.log))
    mend(broker)
    await goes_on(worker, ledger, broker.url)
    assert "Traceback" not in worker.log and PASSWORD not in worker.log


CODES = [
    "READONLY You can't write against a read only replica.",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "NOSCRIPT No matching script.",
    "LOADING Valkey is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "MOVED 866 127.0.0.1:7001",
    "ASK 866 127.0.0.1:7001",
    "CROSSSLOT Keys in request don't hash to the same slot",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "NOAUTH Authentication required.",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOPERM this user has no permissions to run the 'brpop' command",
    "BUSY Valkey is busy running a script.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "EXECABORT Transaction discarded because of previous errors.",
    "MISCONF Errors writing to the AOF file: No space left on device",
    "NOREPLICAS Not enough good replicas to write.",
    "NOMASTERLINK Can't SYNC while not connected with my master",
    "INPROG Failover already in progress",
    "ERR max number of clients reached",
    "ERR unknown command 'BRPOP', with args beginning with: 'low_priority'",
    "SOMETHING that no version says yet",
]


@contextlib.asynccontextmanager
async def refusing_proxy(target: str, refusals: list[str]) -> AsyncIterator[str]:
    """Answers each BRPOP with the next of ``refusals`` until there are none; passes everything else on."""
    port = urlsplit(target).port
    tasks: set[asyncio.Task[Any]] = set()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: asyncio.StreamWriter | None) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                refused = back is not None and refusals and b"BRPOP" in data
                (back if refused and back else sink).write(f"-{refusals.pop(0)}\r\n".encode() if refused else data)
        sink.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, behind = await asyncio.open_connection("127.0.0.1", port)
        for one in (pump(reader, behind, writer), pump(there, writer, None)):
            tasks.add(asyncio.ensure_future(one))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield through(server.sockets[0].getsockname()[1], target)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("first", range(0, len(CODES), 8))
async def test_no_code_of_any_broker_ends_a_worker(
    start_worker: Start, ledger: Ledger, broker_url: str, first: int
) -> None:
    """Several in a row, as they come: a worker that starts takes most of the time."""
    left = CODES[first : first + 8]
    async with refusing_proxy(broker_url, left) as url:
        worker = await start_worker(PULSE_BROKER_URL=url)
        await eventually(lambda: not left or worker.process.returncode is not None, timeout=30)
        await goes_on(worker, ledger, url)
        assert "Traceback" not in worker.log


async def test_why_is_said_once_not_at_every_try(start_worker: Start, ledger: Ledger, broker_url: str) -> None:
    left = ["READONLY words"] * 5
    async with refusing_proxy(broker_url, left) as url:
        worker = await start_worker(PULSE_BROKER_URL=url)
        await eventually(lambda: not left)
        await goes_on(worker, ledger, url)
    assert worker.log.count("broker lost") == 1


NO_MESSAGES = (
    "[]",
    "null",
    "1",
    '"text"',
    "{}",
    '{"body": 1}',
    '{"properties": []}',
    '{"properties": {}}',
    '{"headers": 7, "properties": 7}',
    '{"body": "", "properties": {"delivery_info": 3, "delivery_tag": "x"}}',
    '{"body": null, "headers": null, "properties": {"delivery_info": {}, "delivery_tag": null}}',
    "\ufeff{}",
    "{" * 5000,
)


async def test_an_entry_that_is_json_but_no_message_is_dropped(
    start_worker: Start, ledger: Ledger, broker_url: str
) -> None:
    worker = await start_worker()
    with redis.Redis.from_url(broker_url) as admin:
        for entry in NO_MESSAGES:
            admin.lpush(QUEUES["LOW"], entry)
    await goes_on(worker, ledger, broker_url)
    assert "broker lost" not in worker.log


async def goes_on(worker: RunningWorker, ledger: Ledger, url: str) -> None:
    """What is published is delivered, by the same process; again and again, as the router does."""
    ref = ledger[0].add("ada@example.org")
    app = celery_app(url)

    async def delivered() -> bool:
        assert worker.process.returncode is None, worker.log
        with contextlib.suppress(Exception):  # the broker may not be back yet
            await asyncio.to_thread(app.send_task, DELIVER_TASK, [encode_refs([ref])], queue=QUEUES["LOW"])
        return ledger[0].outcome(ref) == "SUCCEEDED"

    await eventually(delivered)
