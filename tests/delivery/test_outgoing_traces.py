"""A provider that is called by HTTP gets the call's trace context; one whose trace is not kept gets none."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import HTTPServer

import pytest

from services.delivery.rules.provider import OutcomeKind
from tests.delivery.conftest import Sandbox
from tests.delivery.in_a_loop import requests_of
from tests.delivery.outgoing import outgoing, within
from tests.delivery.test_deadlines import HTTP, provider
from tests.support.http_servers import QuietHandler, serving

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Receiver:
    """Keeps the traceparent and the signature of every request that it is sent."""

    def __init__(self) -> None:
        self.given: list[str | None] = []
        self.signatures: list[str] = []
        given, signatures = self.given, self.signatures

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                self.body()
                given.append(self.headers["traceparent"])
                signatures.append(self.headers.get("authorization", ""))
                self.send_response(204)
                self.end_headers()

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with serving(made.server):
        yield made


@pytest.mark.parametrize("name", sorted(HTTP.keys() - {"fcm"}))  # which asks for an access token first
def test_a_traced_call_carries_its_context_beside_what_is_signed_and_the_next_one_none(
    receiver: Receiver, name: str
) -> None:
    made = provider(name, receiver.url)
    for trace in (TRACEPARENT, ""):
        made.send(outgoing(HTTP[name].to, traceparent=trace), within())
    made.close()
    assert receiver.given == [TRACEPARENT, None]
    assert all("traceparent" not in signature for signature in receiver.signatures)


def test_so_does_a_push(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = requests_of(monkeypatch)
    made = provider("fcm", sandbox.http)
    for trace in (TRACEPARENT, ""):
        assert made.send(outgoing("device", traceparent=trace), within()).kind is OutcomeKind.SUCCEEDED
    made.close()
    pushes = [request for request in asked if b"messages:send" in request]
    assert [f"traceparent: {TRACEPARENT}\r\n".encode() in push for push in pushes] == [True, False]
