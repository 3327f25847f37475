"""Spans of wake-ups: from a notification's commit, or its draw from the ledger, to the broker's having its id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from opentelemetry.trace import SpanKind

from pulse.ledger.v1.records_pb2 import Entry
from shared.observe import tracing
from shared.observe.tracing import Span, Tracer
from shared.refs import Ref

#: Sampled notifications whose contexts are remembered: some 3 MB. What a draw brings later, to be retried or because
#: its time has come, has a span if it is among them; the ledger is not asked for what only a span would need.
REMEMBERED = 10_000


class WakeSpans:
    """The way of sampled notifications through the broker, by notification id, to publication."""

    def __init__(self, tracer: Tracer, queue: str, remembered: int = REMEMBERED) -> None:
        self._tracer = tracer
        self._queue = queue
        self._remembered = remembered
        # Ordered: the front of a plain dict that loses its first keys takes ever longer to find.
        self._contexts: OrderedDict[str, str] = OrderedDict()  # the oldest first
        self._under_way: dict[str, Span] = {}

    def remember(self, entries: Iterable[Entry]) -> None:
        """These were committed; they will be published now, later, or several times."""
        if not self._tracer.on:
            return
        for entry in entries:
            if tracing.is_sampled(entry.traceparent):
                self._contexts[entry.ref.notification_id] = entry.traceparent
                if len(self._contexts) > self._remembered:
                    self._contexts.popitem(last=False)

    def begin(self, refs: Iterable[Ref]) -> None:
        """These will be published."""
        if not self._contexts:
            return
        for _, id_ in refs:
            context = self._contexts.get(id_)
            if context is not None:
                attributes: dict[str, tracing.Value] = {
                    "messaging.system": "celery",
                    "messaging.destination.name": self._queue,
                    "pulse.notification_id": id_,
                }
                span = self._tracer.start("celery.publish", context, SpanKind.PRODUCER, attributes=attributes)
                self._under_way[id_] = span

    def of(self, notification_ids: Iterable[str]) -> dict[str, str]:
        """The contexts of those that are traced, for the task."""
        if not self._under_way:
            return {}
        found = ((id_, self._under_way.get(id_)) for id_ in notification_ids)
        return {id_: span.traceparent for id_, span in found if span is not None}

    def end(self, notification_ids: Iterable[str], error: str = "") -> None:
        """They are published, or, for the reason code ``error``, left to the ledger."""
        if self._under_way:
            for id_ in notification_ids:
                span = self._under_way.pop(id_, None)
                if span is not None:
                    span.end(error)
