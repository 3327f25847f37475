"""The way of spans out of a process: OpenTelemetry's SDK, by OTLP over gRPC."""

from __future__ import annotations

import os
import socket
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from shared.observe.tracing import Ended, Tracer

#: Pause between exports, ms, and spans that may wait for one: more are dropped, never waited for.
_PAUSE = 1_000
_MOST_WAITING = 16_384
_FLAGS = TraceFlags(TraceFlags.SAMPLED)


class TraceExport:
    """Sends kept spans to a collector, from a thread of its own; a collector that is away costs spans, nothing else."""

    def __init__(self, role: str, endpoint: str) -> None:
        self._resource = Resource.create(
            {
                "service.namespace": "pulse",
                "service.name": f"pulse-{role}",
                "service.version": version("pulse-suite"),
                "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
            }
        )
        self._scope = InstrumentationScope("pulse", version("pulse-suite"))
        target = endpoint.removeprefix("http://").removeprefix("https://")
        exporter = OTLPSpanExporter(
            target,
            insecure=not endpoint.startswith("https://"),
            timeout=5,
            channel_options=(("grpc.enable_http_proxy", 0),),  # type: ignore[arg-type]  # gRPC takes numbers, too
        )
        self._processor = BatchSpanProcessor(
            exporter, max_queue_size=_MOST_WAITING, schedule_delay_millis=_PAUSE, max_export_batch_size=512
        )

    def __call__(self, ended: Ended) -> None:
        """Takes one span."""
        self._processor.on_end(
            ReadableSpan(
                ended.name,
                context=_context(ended.trace_id, ended.span_id),
                parent=_context(ended.trace_id, ended.parent_id) if ended.parent_id else None,
                resource=self._resource,
                attributes=ended.attributes,
                links=[Link(_context(link[3:35], link[36:52])) for link in ended.links],
                kind=ended.kind,
                status=Status(StatusCode.ERROR, ended.error) if ended.error else Status(StatusCode.UNSET),
                start_time=ended.started,
                end_time=ended.ended,
                instrumentation_scope=self._scope,
            )
        )

    def close(self) -> None:
        """Sends what waits, for a few seconds at the most."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def tracer(role: str, endpoint: str) -> tuple[Tracer, TraceExport | None]:
    """The process's tracer; without an ``endpoint`` it sends nothing."""
    if not endpoint:
        return Tracer(), None
    export = TraceExport(role, endpoint)
    return Tracer(export), export


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=_FLAGS)
