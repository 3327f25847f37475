"""The trace that a send is part of, where the calling program uses OpenTelemetry; this client does not need it."""

from __future__ import annotations

import re
import sys

#: As W3C Trace Context has it; later versions may say more, of which a gateway takes so many bytes with a batch.
_FORM = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,400})?")


def current() -> str:
    """W3C traceparent of the caller's current span; "" if there is none, or no OpenTelemetry in this program."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return ""
    span = api.get_current_span().get_span_context()
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 1:02x}" if span.is_valid else ""


def given(traceparent: str | None) -> str:
    """What a caller gives as one; "" for what has not its form: it would be ignored, or undo a batch for all in it."""
    return traceparent if traceparent and _FORM.fullmatch(traceparent) else ""
