"""A span for every RPC that a server answers, by OpenTelemetry's semantic conventions for RPC."""

from __future__ import annotations

from typing import Any

import grpc.aio
from opentelemetry.trace import SpanKind

from shared.observe import tracing
from shared.observe.tracing import OFF, Span, Tracer

#: Codes that are the server's failure and not the caller's: such a call's span is kept, whatever is sampled.
_FAILED = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})


class CallTraces:
    """Begins a span under the caller's, or a trace of its own; of those the share ``ratio`` (0 to 1) is sampled."""

    def __init__(self, tracer: Tracer, ratio: float = 0.0) -> None:
        self._tracer = tracer
        self._ratio = ratio

    def begin(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> Span | None:
        """The call's span, current from now on; None where spans go nowhere."""
        span = self.under(method, _given(context))
        if span is not None:
            tracing.activate(span)
        return span

    def under(self, method: str, traceparent: str) -> Span | None:
        """A span as for a call of ``method`` with this traceparent, "" if it has none; None where spans go nowhere."""
        if not self._tracer.on:
            return None
        return self._tracer.start(method[1:], traceparent or tracing.fresh(self._ratio), SpanKind.SERVER)

    def end(self, span: Span | None, code: str) -> None:
        """The call ended with the gRPC status called ``code``."""
        if span is None:
            return
        failed = code in _FAILED
        if failed or span.sampled:
            service, _, method = span.name.partition("/")
            span.set("rpc.system", "grpc")
            span.set("rpc.service", service)
            span.set("rpc.method", method)
            span.set("rpc.grpc.status_code", grpc.StatusCode[code].value[0])
        span.end(code if failed else "")


#: For servers whose spans go nowhere.
UNTRACED = CallTraces(OFF)


def _given(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "traceparent":
            return tracing.accept(value if isinstance(value, str) else value.decode("latin-1"))
    return ""
