"""Spans: what a hop did, for how long, and on whose behalf.

They are made by hand and not by OpenTelemetry's instrumentation, which costs some 60 µs a call even where nothing is
sampled: a span that nobody will see costs about a microsecond here. What is kept goes out through OpenTelemetry's SDK
(:mod:`shared.observe.trace_export`), with the names of its semantic conventions.

A span is kept if its trace is sampled, or if it ended with an error. Its context travels as a W3C ``traceparent``,
which is all that a parent is known by: it may stand in gRPC metadata, in a batch's entry, or in the ledger for hours.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import NamedTuple

from opentelemetry.trace import SpanKind

Value = str | int | float | bool

_NOBODY = "0" * 16
_LOW_HALF = 2**64 - 1
#: W3C Trace Context (Recommendation of 23 November 2021), section 3.2.
_FORMAT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Ended(NamedTuple):
    """A span that is to be kept. Times in ns since 1970; ids in hex; ``parent_id`` is empty for a root."""

    name: str
    kind: SpanKind
    trace_id: str
    span_id: str
    parent_id: str
    started: int
    ended: int
    attributes: Mapping[str, Value]
    links: Sequence[str]
    error: str


#: Takes every span that is kept; must not block.
Export = Callable[[Ended], None]


class Span:
    """One hop's work, under way."""

    __slots__ = ("_attributes", "_export", "_kind", "_links", "_parent", "_started", "name", "traceparent")

    def __init__(
        self,
        export: Export | None,
        name: str,
        parent: str,
        kind: SpanKind,
        links: Sequence[str],
        attributes: dict[str, Value],
        began: int = 0,
    ) -> None:
        self._export = export
        self.name = name
        self._parent = parent
        self._kind = kind
        self._links = links
        self._attributes = attributes
        self._started = began or time.time_ns()
        #: What those who work on this span's behalf have as their parent.
        self.traceparent = parent if export is None else _child(parent)

    @property
    def sampled(self) -> bool:
        """Whether the trace is kept."""
        return is_sampled(self.traceparent)

    def keep(self) -> None:
        """From here on the trace is sampled, whatever was decided before."""
        self.traceparent = sampled(self.traceparent)

    def set(self, name: str, value: Value) -> None:
        """Says something about the work; never personal data."""
        self._attributes[name] = value

    def end(self, error: str = "") -> None:
        """The work is done; ``error`` is a reason code if it failed, which alone is cause to keep the span."""
        if self._export is None or not (error or self.sampled):
            return
        _, trace_id, span_id, _ = self.traceparent.split("-")
        parent_id = self._parent[36:52].replace(_NOBODY, "")
        ended = time.time_ns()
        self._export(
            Ended(
                self.name,
                self._kind,
                trace_id,
                span_id,
                parent_id,
                self._started,
                ended,
                self._attributes,
                self._links,
                error,
            )
        )


class Tracer:
    """Makes spans; without ``export`` they cost next to nothing, and hand on their parent's context."""

    def __init__(self, export: Export | None = None) -> None:
        self._export = export

    @property
    def on(self) -> bool:
        """Whether spans go anywhere."""
        return self._export is not None

    def start(
        self,
        name: str,
        parent: str,
        kind: SpanKind = SpanKind.INTERNAL,
        *,
        links: Sequence[str] = (),
        attributes: dict[str, Value] | None = None,
        began: int = 0,
    ) -> Span:
        """A span under ``parent``, a traceparent; empty begins a trace that is not sampled.

        ``began`` (ns since 1970) is when its work began, if that was before now.
        """
        return Span(self._export, name, parent, kind, links, {} if attributes is None else attributes, began)

    def start_batch(self, name: str, members: Sequence[str], kind: SpanKind = SpanKind.INTERNAL) -> Span:
        """A span for the work of a batch, linked to its members' traces; sampled if one of them is."""
        if self._export is None:
            return Span(None, name, "", kind, (), {})
        links = [member for member in members if is_sampled(member)]
        root = fresh(1.0 if links else 0.0)
        return Span(self._export, name, root, kind, links, {"messaging.batch.message_count": len(members)})


#: For processes that send spans nowhere, and for tests that look at none.
OFF = Tracer()

_current: ContextVar[Span | None] = ContextVar("pulse_span", default=None)


def current() -> Span | None:
    """The span on whose behalf the current task works."""
    return _current.get()


def activate(span: Span) -> None:
    """Makes ``span`` the current one for the rest of this task."""
    _current.set(span)


@contextlib.contextmanager
def on_behalf_of(span: Span | None) -> Iterator[None]:
    """Makes ``span`` the current one, None: none; it goes on after the block."""
    token = _current.set(span)
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def within(span: Span) -> Iterator[Span]:
    """Makes ``span`` the current one, and ends it; what is raised is its error, by the class's name."""
    token = _current.set(span)
    try:
        yield span
    except BaseException as error:
        span.end(type(error).__name__)
        raise
    else:
        span.end()
    finally:
        _current.reset(token)


def is_sampled(traceparent: str) -> bool:
    """Whether the trace is kept; False for an empty one."""
    return traceparent.endswith("1")


def sampled(traceparent: str) -> str:
    """The same context, sampled; empty stays empty."""
    return traceparent[:-2] + "01" if traceparent else ""


def accept(header: str) -> str:
    """A caller's ``traceparent`` in version 00, or "" if it has to be ignored."""
    match = _FORMAT.fullmatch(header)
    if match is None:
        return ""
    version, trace_id, parent_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or not (trace_id.strip("0") and parent_id.strip("0")):
        return ""
    return f"00-{trace_id}-{parent_id}-{'01' if int(flags, 16) & 1 else '00'}"


def fresh(ratio: float) -> str:
    """The context of a new trace, which has no span yet; of many, the share ``ratio`` (0 to 1) is sampled.

    That follows from the trace id as in OpenTelemetry's TraceIdRatioBased sampler, so that whoever decides by the same
    ratio decides alike.
    """
    trace_id = random.getrandbits(128) or 1
    keep = trace_id & _LOW_HALF < ratio * 2**64
    return f"00-{trace_id:032x}-{_NOBODY}-{'01' if keep else '00'}"


def new_trace(ratio: float) -> str:
    """As :func:`fresh`, for a caller that sent no context to a process whose spans go nowhere."""
    return _child(fresh(ratio))


def _child(parent: str) -> str:
    """The context of a new span under ``parent``."""
    base = parent or fresh(0.0)
    return f"{base[:36]}{random.getrandbits(64) or 1:016x}{base[52:]}"
