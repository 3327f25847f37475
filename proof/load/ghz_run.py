"""One run of a ghz configuration: who calls next and when, over which connection, and what was answered."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import gevent
import grpc

from proof.load.ghz import schedule
from proof.load.ghz.config import Config
from proof.load.ghz.contract import method
from proof.load.ghz.data import Call, Data, Template
from proof.load.ghz.report import Answered, report
from proof.load.ghz.values import BadConfig
from proof.load.ghz_channel import ending, open_channel

#: Told of each answer: latency in ms, bytes, and the error if there was one.
Told = Callable[[float, int, grpc.RpcError | None], None]


class Run:
    """All workers of a run share it; greenlets alone may. Raises :class:`BadConfig` when it is made."""

    def __init__(self, config: Config, told: Told) -> None:
        self.config = config
        self.method = method(config)
        self.answers: list[Answered] = []
        self.end_reason = "normal"
        self._told = told
        self._data = Data(config.data)
        self._metadata = Template(json.dumps(dict(config.metadata)))
        self._due = schedule.due_times(config)
        self._numbers = itertools.count() if config.duration else iter(range(config.total))
        self._pending = 0  # calls that wait until they are due, or are under way
        self._exhausted = self._stopped = False
        self._began = self._last = 0.0
        self._try_first_data()

    def start(self) -> None:
        """Connects and starts the clock; raises :class:`BadConfig` if nothing answers in time."""
        self._channels = [open_channel(self.config) for _ in range(self.config.connections)]
        for channel in self._channels:
            try:
                grpc.channel_ready_future(channel).result(timeout=self.config.connect_timeout)
            except grpc.FutureTimeoutError:
                raise BadConfig(f"host: {self.config.host} cannot be reached") from None
        self._methods = [
            channel.unary_unary(
                self.method.path,
                request_serializer=self.method.request.SerializeToString,
                response_deserializer=self.method.response.FromString,
            )
            for channel in self._channels
        ]
        self._began = self._last = time.monotonic()
        limit = self.config.duration or self.config.max_duration
        if limit:
            gevent.spawn_later(limit, self.stop, "timeout")

    @property
    def ended(self) -> bool:
        """No call will begin any more, and none is under way."""
        return (self._exhausted or self._stopped) and not self._pending

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def stop(self, reason: str) -> None:
        """Begins no more calls; those under way end as ``duration-stop`` says."""
        if self._stopped or self.ended:
            return
        self._stopped, self.end_reason = True, reason
        self._last = time.monotonic()
        if self.config.duration_stop != "wait":
            self.close()

    def close(self) -> None:
        """Ends connections, and with them what is under way."""
        for channel in self._channels:
            channel.close()

    def next(self, worker: str) -> Call | None:
        """The next call as soon as it is due, to be given to :meth:`make`; None: there is none any more."""
        number = None if self._stopped or self._exhausted else next(self._numbers, None)
        due = None if number is None else next(self._due, None)
        if number is None or due is None:
            self._exhausted = True
            return None
        self._pending += 1
        try:
            gevent.sleep(max(0.0, due - self.elapsed))
        except BaseException:
            self._pending -= 1
            raise
        if self._stopped:
            self._pending -= 1
            return None
        made = self.method
        return Call(number, worker, made.name, made.request.DESCRIPTOR.name, made.response.DESCRIPTOR.name)

    def make(self, call: Call) -> None:
        """Makes one call and writes down how it ended."""
        request = self.method.parse(self._data.text(call))
        metadata = tuple(json.loads(self._metadata.fill(call)).items())
        send = self._methods[call.number % len(self._methods)]
        began, clock = time.time(), time.perf_counter()
        size, failure = 0, None
        try:
            size = send(request, timeout=self.config.timeout or None, metadata=metadata).ByteSize()
        except grpc.RpcError as error:
            failure = error
        except ValueError:  # the connection was closed before the call had begun
            return
        finally:
            self._pending -= 1
        if self._stopped and self.config.duration_stop == "ignore":
            return
        latency = time.perf_counter() - clock
        self.answers.append(Answered(began, latency, *ending(failure)))
        self._last = time.monotonic()
        self._told(latency * 1000, size, failure)

    def report(self) -> dict[str, Any]:
        """What ghz would have written."""
        now = dt.datetime.now(dt.UTC)
        return report(self.config, self.answers, self._last - self._began, self.end_reason, now)

    def _try_first_data(self) -> None:
        """A mistake in the data is told before anything is sent."""
        for number in range(len(self.config.data)):
            self.method.parse(self._data.text(Call(number, "", self.method.name)))
