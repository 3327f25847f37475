"""A page that is looked at within a trace is part of it, and so are the calls that it makes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from opentelemetry.trace import SpanKind

from services.console.config import ConsoleSettings
from services.console.server import Console
from shared.errors import Code, PulseError
from shared.observe.tracing import Ended, Tracer
from tests.console.book import Book
from tests.console.fake_gateway import FakeGateway

TRACE_ID, CALLER_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE_ID}-{CALLER_ID}-01"}
USER = "ada@example.org"
SEARCH = "/console/notifications"


class Traced:
    """A console, a visitor to it, and the spans that it ended."""

    def __init__(self, spans: list[Ended], visitor: httpx.AsyncClient) -> None:
        self.spans = spans
        self.visitor = visitor


@pytest.fixture
async def traced(gateway: FakeGateway) -> AsyncIterator[Traced]:
    spans: list[Ended] = []
    settings = {"PULSE_GATEWAY_ADDRESS": f"127.0.0.1:{gateway.port}", "PULSE_CONSOLE_PORT": "0"}
    async with AsyncExitStack() as stack:
        console = Console(ConsoleSettings.load(settings), tracer=Tracer(spans.append))
        await console.start()
        stack.push_async_callback(console.stop)
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{console.port}", timeout=20)
        yield Traced(spans, await stack.enter_async_context(client))


async def test_a_page_is_a_span_of_its_callers_trace_that_tells_no_more_than_its_route(traced: Traced) -> None:
    answer = await traced.visitor.get(SEARCH, params={"user_id": USER}, headers=SAMPLED)
    assert answer.status_code == 200
    (span,) = traced.spans
    assert (span.name, span.kind, span.trace_id, span.parent_id) == (
        f"GET {SEARCH}",
        SpanKind.SERVER,
        TRACE_ID,
        CALLER_ID,
    )
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": SEARCH,
        "http.response.status_code": 200,
    }


async def test_an_address_with_an_id_shows_as_its_pattern(traced: Traced, book: Book) -> None:
    id_ = book.add().notification_id
    await traced.visitor.get(f"/console/notifications/{id_}", headers=SAMPLED)
    assert traced.spans[0].attributes["http.route"] == "/console/notifications/{notification_id}"
    assert id_ not in str(traced.spans)


async def test_calls_made_for_a_page_have_its_span_as_their_parent(traced: Traced, book: Book) -> None:
    await traced.visitor.get(SEARCH, headers=SAMPLED)
    (span,) = traced.spans
    assert book.traceparents == [f"00-{TRACE_ID}-{span.span_id}-01"]


@pytest.mark.parametrize("headers", [{}, {"traceparent": f"00-{TRACE_ID}-{CALLER_ID}-00"}, {"traceparent": "broken"}])
async def test_what_nobody_samples_is_neither_kept_nor_told_to_the_gateway(
    traced: Traced, book: Book, headers: dict[str, str]
) -> None:
    await traced.visitor.get(SEARCH, headers=headers)
    assert not traced.spans
    assert book.traceparents == [""]


async def test_a_page_that_breaks_is_kept_though_nobody_samples_it(traced: Traced, book: Book) -> None:
    book.failure = PulseError(Code.UNAVAILABLE, "AWAY", "the ledger is away")
    answer = await traced.visitor.get(SEARCH)
    assert answer.status_code >= 500
    (span,) = traced.spans
    assert (span.parent_id, span.error, span.attributes["http.route"]) == ("", str(answer.status_code), SEARCH)
