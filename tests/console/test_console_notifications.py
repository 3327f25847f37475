"""Notifications are searched, shown with their whole story, and taken back."""

from __future__ import annotations

import pytest

from pulse.common.v1 import enums_pb2
from shared.errors import Code, PulseError

LIST = "/console/notifications"


async def test_a_search_shows_what_matches_and_nothing_else(visitor, book):
    book.add(user_id="ann")
    book.add(user_id="bob")
    page = await visitor.get(LIST, params={"q": "bob"})
    assert ">bob<" in page.text
    assert ">ann<" not in page.text


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({"status": "sent"}, {"status": enums_pb2.SENT}),
        ({"channel": "SMS"}, {"channel": enums_pb2.SMS}),
        ({"template": "hello"}, {"template_name": "hello"}),
        ({"user_id": "ann"}, {"user_id": "ann"}),
        ({"q": "ann"}, {"user_id": "ann"}),
        ({"q": "5d41402abc4b2a76b9719d911017c592"}, {"user_id": "5d41402abc4b2a76b9719d911017c592"}),
        ({"q": "{0190b6a0-0000-7000-8000-000000000000}"}, {"user_id": "{0190b6a0-0000-7000-8000-000000000000}"}),
    ],
)
async def test_every_filter_reaches_the_api(visitor, book, query, asked):
    await visitor.get(LIST, params=query)
    request = book.requests[-1]
    assert {name: getattr(request, name) for name in asked} == asked


async def test_an_id_leads_to_its_notification(visitor, book):
    wanted = book.add().notification_id
    page = await visitor.get(LIST, params={"q": wanted})
    assert page.headers["location"] == f"{LIST}/{wanted}"
    part = await visitor.get(LIST, params={"q": wanted}, headers={"HX-Request": "true"})
    assert part.headers["hx-redirect"] == f"{LIST}/{wanted}"


async def test_pages_follow_each_other_with_their_filters(visitor, book):
    oldest = book.add()
    for _ in range(50):
        book.add()
    first = await visitor.get(LIST, params={"user_id": "ann"})
    assert oldest.notification_id not in first.text
    assert 'href="/console/notifications?user_id=ann&amp;page=50"' in first.text
    second = await visitor.get(LIST, params={"user_id": "ann", "page": "50"})
    assert oldest.notification_id in second.text


async def test_a_status_that_does_not_exist_is_told(visitor):
    page = await visitor.get(LIST, params={"status": "gone"})
    assert page.status_code == 400
    assert "BAD_FILTER" in page.text


async def test_a_notification_shows_every_decision_attempt_and_trace(visit, book):
    visitor = await visit(CONSOLE_JAEGER_URL="http://jaeger.example:16686/")
    stored = book.add(metadata={"campaign": "autumn"})
    page = await visitor.get(f"{LIST}/{stored.notification_id}")
    for shown in ("ann@example.com", "Nothing asks for haste.", "attempt 1 ended", "12 ms", "autumn"):
        assert shown in page.text
    assert f'href="http://jaeger.example:16686/trace/{stored.trace_id}"' in page.text


async def test_what_was_written_by_callers_is_text_and_never_markup(visitor, book):
    stored = book.add(user_id="<script>alert(1)</script>", metadata={"<b>": "<i>"})
    for path in (LIST, f"{LIST}/{stored.notification_id}"):
        page = await visitor.get(path)
        assert "<script>alert" not in page.text
        assert "<i>" not in page.text


async def test_a_notification_under_way_is_asked_for_again_and_a_settled_one_is_not(visitor, book):
    queued, sent = book.add(enums_pb2.QUEUED), book.add(enums_pb2.SENT)
    assert "every 2s" in (await visitor.get(f"{LIST}/{queued.notification_id}")).text
    assert "every 2s" not in (await visitor.get(f"{LIST}/{sent.notification_id}")).text


async def test_cancelling_takes_it_back(visitor, book):
    queued = book.add(enums_pb2.QUEUED)
    page = await visitor.submit(f"{LIST}/{queued.notification_id}/cancel", {})
    assert page.status_code == 200
    assert queued.status == enums_pb2.CANCELLED
    assert "cancelled" in page.text


async def test_what_the_gateway_has_against_cancelling_is_shown_with_its_hint(visitor, book):
    sent = book.add(enums_pb2.SENT)
    page = await visitor.submit(f"{LIST}/{sent.notification_id}/cancel", {})
    assert page.status_code == 409
    assert "NOT_CANCELLABLE" in page.text
    assert "too late" in page.text
    assert "Timeline" in page.text


async def test_an_unknown_notification_is_a_clear_404(visitor):
    page = await visitor.get(f"{LIST}/01a20422-eb7d-7700-b196-63fac5a43a6e")
    assert page.status_code == 404
    assert "NOTIFICATION_NOT_FOUND" in page.text


async def test_an_error_of_the_api_is_one_line_on_the_page(visitor, book):
    book.failure = PulseError(Code.UNAVAILABLE, "LEDGER_UNAVAILABLE", "the ledger is away", hint="wait")
    page = await visitor.get(LIST)
    assert page.status_code == 503
    assert page.text.count('role="alert"') == 1
    assert "LEDGER_UNAVAILABLE" in page.text
