"""What a process counts, for Prometheus.

Each ``server.py`` makes one :class:`Metrics` and hands its instruments down; nothing is kept at module level.
Labels hold closed sets of names only: no tenant, no user, no address, no id. Trace ids go into exemplars.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.registry import Collector

#: Upper bounds of calls within the suite, s.
CALL_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Upper bounds of batch sizes; the last is the contract's bound on most batches.
BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

#: Takes one observation.
Observe = Callable[[float], None]


#: Mode of a gauge of which each of a role's processes has a part. Of others all see the same, or the largest counts.
PART: Literal["livesum"] = "livesum"
#: Those of the standard library's process collector.
_PARTS = ("process_virtual_memory_bytes", "process_resident_memory_bytes", "process_open_fds")


class Registry(CollectorRegistry):
    """Knows which of its gauges are a process's part of its role's."""

    def __init__(self) -> None:
        super().__init__()
        #: Their names.
        self.parts = set(_PARTS)

    def register(self, collector: Collector) -> None:
        """As the parent's."""
        super().register(collector)
        if isinstance(collector, Gauge) and collector._multiprocess_mode == PART:
            self.parts.update(family.name for family in collector.describe())


class Metrics:
    """One process's registry, and the instruments that several roles have; only those it uses are exported."""

    def __init__(self) -> None:
        self.registry = Registry()
        ProcessCollector(registry=self.registry)
        build = Gauge("pulse_build_info", "Always 1; says what runs.", ["version"], registry=self.registry)
        build.labels(version("pulse-suite")).set(1)

    @cached_property
    def rpcs(self) -> RpcMetrics:
        """For a role that answers RPCs."""
        return RpcMetrics(self.registry)

    def batch(self, name: str) -> Observe:
        """Takes the sizes of the batches called ``name``."""
        return self._batches.labels(name).observe

    @cached_property
    def _batches(self) -> Histogram:
        return Histogram(
            "pulse_batch_size",
            "Notifications that travelled in one batch.",
            ["batch"],
            buckets=BATCH_SIZES,
            registry=self.registry,
        )


class RpcMetrics:
    """Rate, errors and duration of every RPC that a server answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "pulse_rpc_requests", "RPCs answered.", ["grpc_service", "grpc_method", "grpc_code"], registry=registry
        )
        self._seconds = Histogram(
            "pulse_rpc_duration_seconds",
            "Time from a unary RPC's arrival to its answer.",
            ["grpc_service", "grpc_method"],
            buckets=CALL_SECONDS,
            registry=registry,
        )
        self._bound: dict[str, Rpc] = {}

    def of(self, path: str) -> Rpc:
        """The instruments of ``/package.Service/Method``; only for methods that the server has, as each stays."""
        rpc = self._bound.get(path)
        if rpc is None:
            service, _, method = path.removeprefix("/").partition("/")
            rpc = self._bound[path] = Rpc(self._requests, self._seconds, service, method)
        return rpc


class Rpc:
    """One RPC's instruments, with their labels looked up once: a call costs a few µs less so."""

    def __init__(self, requests: Counter, seconds: Histogram, service: str, method: str) -> None:
        self._requests = requests
        self._labels = service, method
        self._by_code: dict[str, Counter] = {}
        self.took: Observe = seconds.labels(service, method).observe

    def answered(self, code: str) -> None:
        """One RPC ended with the gRPC status called ``code``."""
        counter = self._by_code.get(code)
        if counter is None:
            counter = self._by_code[code] = self._requests.labels(*self._labels, code)
        counter.inc()


def trace_exemplar(traceparent: str) -> dict[str, str] | None:
    """The exemplar of a sampled trace; None if there is no trace that could be looked at."""
    return {"trace_id": traceparent[3:35]} if traceparent.endswith("-01") else None
