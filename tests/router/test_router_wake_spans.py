"""What is published has a span in its notification's trace, at once or after a draw, as long as it is remembered."""

from __future__ import annotations

from pulse.ledger.v1.records_pb2 import Entry
from services.router.dispatch.wake_spans import WakeSpans
from shared.observe.tracing import OFF, Ended, Tracer

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def entry(id_: str, flags: str = "01") -> Entry:
    made = Entry(traceparent=f"00-{TRACE_ID}-b7ad6b7169203331-{flags}")
    made.ref.tenant_id, made.ref.notification_id = "acme", id_
    return made


def publish(spans: WakeSpans, *ids: str) -> set[str]:
    """The ids whose contexts went with the task."""
    spans.begin([("acme", id_) for id_ in ids])
    traced = spans.of(ids)
    spans.end(ids)
    return set(traced)


def test_each_publication_of_a_sampled_notification_is_a_span_under_its_admission() -> None:
    ended: list[Ended] = []
    spans = WakeSpans(Tracer(ended.append), "low_priority")
    spans.remember([entry("a")])
    assert publish(spans, "a") == publish(spans, "a") == {"a"}
    assert {(span.name, span.trace_id, span.parent_id) for span in ended} == {
        ("celery.publish", TRACE_ID, "b7ad6b7169203331")
    }
    assert len({span.span_id for span in ended}) == 2


def test_what_is_not_sampled_or_was_admitted_elsewhere_has_none() -> None:
    ended: list[Ended] = []
    spans = WakeSpans(Tracer(ended.append), "low_priority")
    spans.remember([entry("a", "00")])
    assert publish(spans, "a", "b") == set()
    assert not ended


def test_the_oldest_is_forgotten_where_too_many_are_sampled() -> None:
    spans = WakeSpans(Tracer(lambda _: None), "low_priority", remembered=2)
    spans.remember(entry(id_) for id_ in "abc")
    assert publish(spans, *"abc") == {"b", "c"}


def test_nothing_is_remembered_where_spans_go_nowhere() -> None:
    spans = WakeSpans(OFF, "low_priority")
    spans.remember([entry("a")])
    assert publish(spans, "a") == set()
