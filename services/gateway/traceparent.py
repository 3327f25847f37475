"""W3C Trace Context, the ``traceparent`` header (Recommendation of 23 November 2021, section 3.2)."""

from __future__ import annotations

import re
import secrets

_FORMAT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def accept(header: str) -> str:
    """The caller's header in version 00, or "" if it has to be ignored."""
    match = _FORMAT.fullmatch(header)
    if match is None:
        return ""
    version, trace_id, parent_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or not (trace_id.strip("0") and parent_id.strip("0")):
        return ""
    return f"00-{trace_id}-{parent_id}-{'01' if int(flags, 16) & 1 else '00'}"


def make(ratio: float) -> str:
    """A fresh one; of many, the share ``ratio`` (0 to 1) is marked as sampled.

    The mark follows from the trace id as in OpenTelemetry's TraceIdRatioBased sampler, so that every hop
    that decides by the same ratio decides alike.
    """
    digits = secrets.token_hex(24)
    trace_id, parent_id = digits[:32], digits[32:]
    sampled = int(trace_id[16:], 16) < ratio * 2**64
    return f"00-{trace_id}-{parent_id}-{'01' if sampled else '00'}"
