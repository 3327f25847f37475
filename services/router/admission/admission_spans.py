"""Spans of admission: one for each submission whose trace is kept."""

from __future__ import annotations

from collections.abc import Mapping

from pulse.router.v1.router_service_pb2 import SubmitResult
from services.router.admission.candidates import Candidate
from shared.lane.names import Lane
from shared.observe import tracing
from shared.observe.tracing import OFF, Span, Tracer


class AdmissionSpans:
    """Each submission of a batch has its own, linked to the batch's."""

    def __init__(self, tracer: Tracer = OFF) -> None:
        self._tracer = tracer

    def begin(self, candidates: Mapping[int, Candidate]) -> dict[int, Span]:
        """Spans of those whose trace is kept; from here on they are what the submission's trace goes by.

        HIGH is kept whatever was sampled at the door: where somebody waits for a code, what happened to it is asked.
        """
        if not self._tracer.on:
            return {}
        spans = {}
        batch = tracing.current()
        links = [batch.traceparent] if batch is not None and batch.sampled else []
        for index, candidate in candidates.items():
            submission = candidate.submission
            urgent = candidate.case.ruling.lane is Lane.HIGH
            if urgent or tracing.is_sampled(submission.traceparent):
                span = spans[index] = self._tracer.start("router.admit", submission.traceparent, links=links)
                span.keep()
                submission.traceparent = span.traceparent
        return spans

    @staticmethod
    def end(
        spans: Mapping[int, Span], candidates: Mapping[int, Candidate], results: Mapping[int, SubmitResult]
    ) -> None:
        """The submissions have their answers."""
        for index, span in spans.items():
            candidate, result = candidates[index], results[index]
            result.keep_trace = candidate.case.ruling.lane is Lane.HIGH
            span.set("pulse.notification_id", result.notification_id)
            span.set("pulse.lane", candidate.case.ruling.lane.value)
            span.set("pulse.channel", candidate.case.channels[0])
            span.set("pulse.template_name", candidate.submission.asked.template_name)
            # A refusal is the caller's to mend, and no error of this hop.
            span.set("pulse.refused", result.HasField("error"))
            span.end()
