"""``python -m proof.bench.generator FILE``: one load, told as JSON on standard input; its result goes to FILE.

A process of its own, which does as little as can be for a call: requests are serialized before the clock starts, and
answers are parsed after it stopped.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc.aio
import uvloop

from proof.bench.asks import SEND, SEND_BATCH, Asks
from proof.bench.callers import client, rest
from proof.bench.echo_server import METHOD as ECHO
from proof.bench.spec import Result, Spec
from proof.bench.stopwatch import Stopwatch
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse_client import connection

#: Longest wait for one answer, s.
CALL_S = 30.0
METHODS = {"single": SEND, "paced": SEND, "batch": SEND_BATCH, "echo": ECHO}

#: Makes one call; gives the answer's bytes, raises AioRpcError.
Call = Callable[[bytes], Awaitable[bytes]]


class Log:
    """Answers as they come: their bytes, when the call was sent and how long it took (ns), and refusals by code."""

    def __init__(self) -> None:
        self.answers: list[tuple[bytes, int, int]] = []
        self.refused: Counter[str] = Counter()

    async def note(self, call: Call, request: bytes) -> None:
        """Makes a call and writes down how it ended."""
        sent, began = time.time_ns(), time.perf_counter_ns()
        try:
            answer = await call(request)
        except grpc.aio.AioRpcError as error:
            self.refused[error.code().name] += 1
        else:
            self.answers.append((answer, sent, time.perf_counter_ns() - began))


async def generate(spec: Spec) -> Result:
    """Warms up, then puts the load on and times it."""
    if spec.way == "rest":
        return await rest.generate(spec)
    if spec.way == "gather":
        return await client.generate(spec)
    async with AsyncExitStack() as stack:
        methods: Iterator[Any] = itertools.cycle([await _method(spec, stack) for _ in range(spec.connections)])
        metadata = (("x-api-key", spec.api_key),) if spec.api_key else ()

        async def call(request: bytes) -> bytes:
            return bytes(await next(methods)(request, timeout=CALL_S, metadata=metadata))

        await closed_loop(Log(), call, list(requests(spec, range(spec.count, spec.count + spec.warm))), spec.in_flight)
        timed = list(requests(spec, range(spec.count)))
        log = Log()
        with Stopwatch() as watch:
            if spec.way == "paced":
                await open_loop(log, call, timed, spec.rate, Path(spec.until) if spec.until else None)
            else:
                await closed_loop(log, call, timed, spec.in_flight)
    return watch.timed(told(spec, log))


async def _method(spec: Spec, stack: AsyncExitStack) -> Any:
    """The method that is called, on a connection of its own."""
    options = [*connection.options(), ("grpc.use_local_subchannel_pool", 1)]
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(spec.address, options))
    return channel.unary_unary(METHODS[spec.way])


def requests(spec: Spec, numbers: range) -> Iterator[bytes]:
    """The serialized requests for these notifications."""
    asks = Asks(spec.prefix, spec.priority, spec.kind)
    if spec.way == "batch":
        return asks.batches(numbers, spec.batch)
    return asks.singles(numbers)


async def closed_loop(log: Log, call: Call, timed: Iterable[bytes], in_flight: int) -> None:
    """Keeps ``in_flight`` calls under way until all are answered."""
    waiting = iter(timed)

    async def caller() -> None:
        for request in waiting:
            await log.note(call, request)

    await asyncio.gather(*(caller() for _ in range(in_flight)))


async def open_loop(log: Log, call: Call, timed: Iterable[bytes], rate: float, until: Path | None) -> None:
    """Sends ``rate`` calls a second on the clock, late answers or not."""
    under_way: set[asyncio.Task[None]] = set()
    began = time.monotonic()
    for number, request in enumerate(timed):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        if until is not None and until.exists():  # noqa: ASYNC240 -- a look, microseconds
            break
        task = asyncio.create_task(log.note(call, request))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    while under_way:
        await asyncio.wait(under_way)


def told(spec: Spec, log: Log) -> Result:
    """What the answers say."""
    result = Result(latencies=[took / 1e6 for _, _, took in log.answers])
    for answer, sent, _ in log.answers:
        if spec.way == "echo":
            result.accepted += 1
        elif spec.way == "batch":
            for each in api.BatchSendNotificationsResponse.FromString(answer).results:
                if each.HasField("error"):
                    log.refused[f"in a batch: code {each.error.code}"] += 1
                else:
                    result.ids.append((each.notification_id, sent))
        else:
            result.ids.append((api.SendNotificationResponse.FromString(answer).notification_id, sent))
    result.accepted = result.accepted or len(result.ids)
    result.refused = dict(log.refused)
    return result


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(uvloop.run(generate(Spec.from_json(sys.stdin.read()))).to_json())
