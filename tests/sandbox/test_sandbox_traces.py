"""A call that brings a trace gets a span in it; one that brings none gets none, whatever the sandbox answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.trace import SpanKind

from proof.waiting import wait_until
from services.sandbox.config import SandboxSettings
from shared.observe.tracing import Ended, Tracer
from tests.sandbox.running import RunningSandbox

TRACE_ID, CALL_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NUMBER = "+15551234567"
ROUTE = "/2010-04-01/Accounts/{sid}/Messages.json"
SMS = {"To": NUMBER, "From": "+15005550006", "Body": "424242"}


class Traced:
    """A sandbox and the spans that it ended."""

    def __init__(self, home: Path) -> None:
        self.spans: list[Ended] = []
        settings = SandboxSettings(home=str(home), sandbox_port=0, sandbox_smtp_port=0)
        self.sandbox = RunningSandbox(settings, Tracer(self.spans.append))

    def text(self, flags: str = "01") -> int:
        """Sends an SMS as Twilio's client would; its answer's status. Without flags it brings no context."""
        headers = {"traceparent": f"00-{TRACE_ID}-{CALL_ID}-{flags}"} if flags else {}
        answer = self.sandbox.api.post(
            "/2010-04-01/Accounts/AC1/Messages.json", data=SMS, auth=("AC1", "token"), headers=headers
        )
        return answer.status_code


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Traced]:
    made = Traced(tmp_path)
    yield made
    made.sandbox.stop()


def test_a_call_is_a_span_of_the_callers_trace(traced: Traced) -> None:
    assert traced.text() == 201
    (span,) = traced.spans
    assert (span.name, span.kind, span.error) == (f"POST {ROUTE}", SpanKind.SERVER, "")
    assert (span.trace_id, span.parent_id) == (TRACE_ID, CALL_ID)
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": ROUTE,
        "http.response.status_code": 201,
    }


def test_a_refusal_says_its_status_and_nothing_of_the_recipient(traced: Traced) -> None:
    traced.sandbox.fault("twilio", "status", 503, match=NUMBER)
    assert traced.text() == 503
    span = traced.spans[-1]
    assert (span.error, span.attributes["error.type"]) == ("503", "503")
    assert NUMBER not in str(span)


@pytest.mark.parametrize("flags", ["00", ""])
def test_what_the_caller_does_not_sample_is_not_kept_even_if_it_is_refused(traced: Traced, flags: str) -> None:
    traced.sandbox.fault("twilio", "status", 503)
    assert traced.text(flags) == 503
    assert not traced.spans


def test_a_path_that_does_not_exist_is_not_repeated(traced: Traced) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-{CALL_ID}-01"}
    assert traced.sandbox.api.get(f"/inbox/{NUMBER}", headers=headers).status_code == 404
    assert traced.spans[-1].name == "GET"
    assert NUMBER not in str(traced.spans)


def test_an_answer_that_never_comes_is_a_span_without_a_status(traced: Traced) -> None:
    traced.sandbox.fault("twilio", "reset", times=1)
    with pytest.raises(httpx.TransportError):
        traced.text()
    wait_until(lambda: traced.spans)  # it ends after the connection does
    (span,) = [span for span in traced.spans if span.name == f"POST {ROUTE}"]
    assert "http.response.status_code" not in span.attributes
