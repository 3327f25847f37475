"""The traces of a batch's requests, where a client gathered them from callers that know nothing of each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pulse.router.v1 import router_service_pb2 as router_pb2
from services.gateway.door.headers import Headers
from shared.errors import PulseError
from shared.observe import tracing
from shared.observe.tracing import Span
from shared.rpc.call_traces import CallTraces

_SEND = "/pulse.gateway.v1.NotificationService/SendNotification"


class MemberTraces:
    """Gives each request the span that it would have as a call of its own.

    ``traceparents`` has one for each request, "" where it has none; empty: all are part of the batch's own trace.
    """

    def __init__(self, traces: CallTraces, headers: Headers, traceparents: Sequence[str]) -> None:
        self._traces = traces
        self._headers = headers
        self._traceparents = traceparents
        self._spans: dict[int, Span] = {}

    @contextlib.contextmanager
    def begin(self, number: int) -> Iterator[Headers]:
        """Works on behalf of that request within the block; gives the headers that it would have come with.

        Where there are no ``traceparents`` there is nothing to begin.
        """
        given = self._traceparents[number]
        span = self._traces.under(_SEND, tracing.accept(given))
        if span is not None:
            self._spans[number] = span
        with tracing.on_behalf_of(span):
            yield replace(self._headers, traceparent=[given] if given else [])

    def end(self, outcomes: Sequence[router_pb2.SubmitResult | PulseError]) -> None:
        """The requests ended with these."""
        for number, span in self._spans.items():
            outcome = outcomes[number]
            if isinstance(outcome, PulseError):
                self._traces.end(span, outcome.code.name)
            else:
                tell(span, outcome)
                self._traces.end(span, "OK")


def tell(span: Span, result: router_pb2.SubmitResult) -> None:
    """Says which notification a call made, so that it is found by its id; HIGH is kept whatever was sampled."""
    if result.keep_trace:
        span.keep()
    if span.sampled:
        span.set("pulse.notification_id", result.notification_id)
