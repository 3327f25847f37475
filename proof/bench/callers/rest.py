"""The load over HTTP/1.1: kept connections, one request under way on each, answers parsed by httptools."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from typing import cast

import httptools

from proof.bench.asks import Asks
from proof.bench.spec import Result, Spec
from proof.bench.stopwatch import Stopwatch

#: As Pulse's client: what is answered so is sent again, which its key makes safe.
UNAVAILABLE = 503
MOST_TRIES = 5
PAUSE_S = 0.1


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last is answered; ``done`` ends when there are no more."""

    def __init__(self, requests: Iterator[bytes], result: Result, refused: Counter[str]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._result = result
        self._refused = refused
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._next()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        if status == UNAVAILABLE and self._tries < MOST_TRIES:
            self._result.retried += 1
            asyncio.get_running_loop().call_later(PAUSE_S, self._send)
            return
        if 200 <= status < 300:
            self._result.latencies.append((time.perf_counter_ns() - self._began) / 1e6)
            self._result.accepted += 1
        else:
            self._refused[f"HTTP {status}"] += 1
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self._refused["connection lost"] += 1
            self.done.set_result(None)

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            if not self.done.done():
                self.done.set_result(None)
            self._transport.close()
            return
        self._request, self._tries, self._began = request, 0, time.perf_counter_ns()
        self._send()

    def _send(self) -> None:
        self._tries += 1
        self._transport.write(self._request)


async def generate(spec: Spec) -> Result:
    """As the gRPC ways, over ``spec.in_flight`` connections."""
    asks = Asks(spec.prefix, spec.priority, spec.kind)
    host, _, port = spec.address.rpartition(":")
    warm = range(spec.count, spec.count + spec.warm)
    await _run(host, int(port), list(asks.posts(warm, spec.address, spec.api_key)), spec.in_flight)
    timed = list(asks.posts(range(spec.count), spec.address, spec.api_key))
    with Stopwatch() as watch:
        result = await _run(host, int(port), timed, spec.in_flight)
    return watch.timed(result)


async def _run(host: str, port: int, requests: list[bytes], connections: int) -> Result:
    result, refused = Result(), Counter[str]()
    waiting = iter(requests)
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: Connection(waiting, result, refused), host, port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for connection in opened))
    result.refused = dict(refused)
    return result
