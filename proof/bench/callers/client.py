"""The load through Pulse's own client, whose callers are all in one process: it gathers what they send."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable

from proof.bench.asks import Asks
from proof.bench.spec import Result, Spec
from proof.bench.stopwatch import Stopwatch
from pulse_client import AsyncClient, PulseError, Request


async def generate(spec: Spec) -> Result:
    """Warms up, then keeps ``in_flight`` callers sending one after the other, and times it."""
    asks = Asks(spec.prefix, spec.priority, spec.kind)
    async with AsyncClient(spec.address, spec.api_key) as client:
        warming = asks.calls(range(spec.count, spec.count + spec.warm))
        await _callers(client, list(warming), spec.in_flight, Result(), Counter())
        timed = list(asks.calls(range(spec.count)))
        result, refused = Result(), Counter[str]()
        with Stopwatch() as watch:
            await _callers(client, timed, spec.in_flight, result, refused)
    result.refused = dict(refused)
    return watch.timed(result)


async def _callers(
    client: AsyncClient, requests: Iterable[Request], count: int, result: Result, refused: Counter[str]
) -> None:
    waiting = iter(requests)

    async def caller() -> None:
        for request in waiting:
            began = time.perf_counter_ns()
            try:
                await client.send(**request)
            except PulseError as error:
                refused[error.reason] += 1
            else:
                result.accepted += 1
                result.latencies.append((time.perf_counter_ns() - began) / 1e6)

    await asyncio.gather(*(caller() for _ in range(count)))
