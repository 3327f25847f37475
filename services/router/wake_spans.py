"""Spans of wake-ups: from a notification's commit to the broker's having its id."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.trace import SpanKind

from pulse.ledger.v1.records_pb2 import Entry
from shared import tracing
from shared.tracing import Span, Tracer


class WakeSpans:
    """The way of sampled notifications through the broker, by notification id, from commit to publication."""

    def __init__(self, tracer: Tracer, queue: str) -> None:
        self._tracer = tracer
        self._queue = queue
        self._under_way: dict[str, Span] = {}

    def begin(self, entries: Iterable[Entry]) -> None:
        """These were committed and will be published."""
        if not self._tracer.on:
            return
        for entry in entries:
            if tracing.is_sampled(entry.traceparent):
                attributes: dict[str, tracing.Value] = {
                    "messaging.system": "celery",
                    "messaging.destination.name": self._queue,
                    "pulse.notification_id": entry.ref.notification_id,
                }
                span = self._tracer.start("celery.publish", entry.traceparent, SpanKind.PRODUCER, attributes=attributes)
                self._under_way[entry.ref.notification_id] = span

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
