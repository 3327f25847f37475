"""Spans: what is kept, whose child each is, and that they arrive at a real collector."""

from __future__ import annotations

import pytest
from opentelemetry.trace import SpanKind

from shared.observe import tracing
from shared.observe.trace_export import tracer
from shared.observe.tracing import Ended, Tracer
from tests.support import eventually
from tests.support.otlp_receiver import OtlpReceiver

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = CALLER[:-2] + "00"


@pytest.fixture
def kept() -> list[Ended]:
    return []


def test_a_span_belongs_to_its_parents_trace_and_hands_its_own_context_on(kept: list[Ended]) -> None:
    span = Tracer(kept.append).start("router.admit", CALLER)
    span.end()
    assert kept[0].trace_id == CALLER[3:35] == span.traceparent[3:35]
    assert kept[0].parent_id == CALLER[36:52] != kept[0].span_id == span.traceparent[36:52]


def test_what_is_not_sampled_is_not_kept(kept: list[Ended]) -> None:
    Tracer(kept.append).start("router.admit", UNSAMPLED).end()
    Tracer(kept.append).start("router.admit", "").end()
    assert kept == []


def test_an_error_is_kept_even_where_nothing_is_sampled(kept: list[Ended]) -> None:
    Tracer(kept.append).start("provider.send", UNSAMPLED).end("SMTP_NO_ANSWER")
    assert [(span.error, span.trace_id) for span in kept] == [("SMTP_NO_ANSWER", CALLER[3:35])]


def test_a_trace_can_be_kept_from_some_hop_on(kept: list[Ended]) -> None:
    """A one-time code is traced whatever the sampler said at the door."""
    admit = Tracer(kept.append).start("router.admit", UNSAMPLED)
    admit.keep()
    Tracer(kept.append).start("ledger.record", admit.traceparent).end()
    admit.end()
    assert [span.name for span in kept] == ["ledger.record", "router.admit"]
    assert kept[0].parent_id == kept[1].span_id


def test_a_batch_is_linked_to_those_of_its_members_that_are_sampled(kept: list[Ended]) -> None:
    batch = Tracer(kept.append).start_batch("ledger.record", [UNSAMPLED, CALLER, ""])
    batch.end()
    Tracer(kept.append).start_batch("ledger.record", [UNSAMPLED]).end()
    assert [(span.links, span.parent_id) for span in kept] == [([CALLER], "")]
    assert kept[0].attributes["messaging.batch.message_count"] == 3


def test_without_a_collector_the_callers_context_is_handed_on_as_it_came() -> None:
    span = tracing.OFF.start("router.admit", CALLER)
    span.end("ANYTHING")
    assert span.traceparent == CALLER


def test_what_is_raised_within_a_span_is_its_error(kept: list[Ended]) -> None:
    with pytest.raises(ValueError), tracing.within(Tracer(kept.append).start("work", "")) as span:
        assert tracing.current() is span
        raise ValueError
    assert tracing.current() is None
    assert kept[0].error == "ValueError"


async def test_spans_arrive_at_a_collector_with_kind_links_status_and_role() -> None:
    with OtlpReceiver() as receiver:
        made, export = tracer("router", receiver.endpoint)
        made.start("router.admit", CALLER, SpanKind.SERVER, links=[CALLER], attributes={"pulse.lane": "HIGH"}).end("NO")
        assert export is not None
        export.close()
        await eventually(lambda: receiver.spans)
        (span,) = receiver.trace(CALLER[3:35])
    assert (span.role, span.name, span.kind, span.parent_id) == ("router", "router.admit", 2, CALLER[36:52])
    assert span.attributes == {"pulse.lane": "HIGH"}
    assert span.links == ((CALLER[3:35], CALLER[36:52]),)
    assert span.error == "NO"
    assert 0 < span.started <= span.ended
