"""A provider that is called by HTTP gets the call's trace context; one whose trace is not kept gets none."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import HTTPServer

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.aws.client import AwsClient
from services.delivery.providers.base.call import calling
from services.delivery.rules.provider import OutcomeKind
from tests.delivery.outgoing import outgoing, within
from tests.delivery.test_webhook import provider
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


def test_a_traced_call_carries_its_context_and_the_next_one_not(receiver: Receiver) -> None:
    webhook = provider(receiver.url)
    outcomes = [webhook.send(outgoing(traceparent=trace), within()) for trace in (TRACEPARENT, "")]
    webhook.close()
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.SUCCEEDED] * 2
    assert receiver.given == [TRACEPARENT, None]


def test_a_call_to_aws_carries_its_context_beside_what_is_signed(receiver: Receiver) -> None:
    settings = DeliverySettings(aws_access_key_id="key", aws_secret_access_key="secret")
    client = AwsClient("ses", "sesv2", "eu-central-1", receiver.url, 1, settings)
    email = {"Content": {"Raw": {"Data": b"To: ada@example.org"}}}
    for trace in (TRACEPARENT, ""):
        with calling(within(), trace):
            client.call("send_email", email)
    client.close()
    assert receiver.given == [TRACEPARENT, None]
    assert all("traceparent" not in signature for signature in receiver.signatures)
