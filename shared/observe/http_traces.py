"""A span for every request that an HTTP server answers, by OpenTelemetry's semantic conventions for HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from shared.observe import tracing
from shared.observe.tracing import Span, Tracer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: RFC 9110 and RFC 5789; whatever else is sent as a method is the sender's word, and is not repeated.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})


class HttpTraces:
    """ASGI middleware, outermost: a span under the caller's, sampled if the caller's is; without one, not sampled.

    It tells the route and never the address, which may hold what was searched for. ``keeps_failures``: whether a
    request that ended with 500 or above, or with none, is kept whatever was sampled.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer, *, keeps_failures: bool = True) -> None:
        self._app = app
        self._tracer = tracer
        self._keeps_failures = keeps_failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._tracer.on:
            await self._app(scope, receive, send)
            return
        span = self._tracer.start("HTTP", _given(scope), SpanKind.SERVER)
        tracing.activate(span)
        status, error = 0, ""

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            self._end(span, scope, status, error or (str(status) if status >= 500 else ""))

    def _end(self, span: Span, scope: Scope, status: int, error: str) -> None:
        if not (span.sampled or (error and self._keeps_failures)):
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        route = route_of(scope)
        span.name = f"{'HTTP' if method == '_OTHER' else method} {route}".rstrip()
        span.set("http.request.method", method)
        if route:
            span.set("http.route", route)
        if status:
            span.set("http.response.status_code", status)
        if error:
            span.set("error.type", error)
        span.end(error)


def route_of(scope: Scope) -> str:
    """The pattern of the address, once Starlette has found it; empty if there is nothing at it."""
    return str(getattr(scope.get("route"), "path", ""))


def _given(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"traceparent":
            return tracing.accept(value.decode("latin-1"))
    return ""
