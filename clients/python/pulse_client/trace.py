"""The trace that a send is part of, where the calling program uses OpenTelemetry; this client does not need it."""

from __future__ import annotations

import sys


def current() -> str:
    """W3C traceparent of the caller's current span; "" if there is none, or no OpenTelemetry in this program."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return ""
    span = api.get_current_span().get_span_context()
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 1:02x}" if span.is_valid else ""
