"""Requests to endpoints of subscriptions: what receivers verify, and what is never called."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from pulse.common.v1 import enums_pb2, event_pb2, subscription_pb2
from pulse.ledger.v1 import ledger_subscriptions_pb2 as pb
from services.delivery.events import endpoints as sending
from services.delivery.events.endpoints import LARGEST_ANSWER, Endpoints
from services.delivery.events.requests import Written, written
from services.delivery.providers.base import look_ups
from shared.net.public_addresses import networks
from tests.support.http_servers import QuietHandler, serving

SECRETS = [f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2, 3)]
LOOPBACK = networks("127.0.0.0/8, ::1/128")
STANDARD, CLOUDS = subscription_pb2.Subscription.STANDARD_WEBHOOKS, subscription_pb2.Subscription.CLOUDEVENTS
REQUEST = Written({"content-type": "application/json"}, b"{}")


def due(**fields: Any) -> pb.DueEventDelivery:
    event = event_pb2.Event(event_id="0197a000-3", type="notification.sent", notification_id="0197a000")
    event.time.FromJsonString("2026-11-30T08:00:00.5Z")
    event.data.status = enums_pb2.SENT
    event.data.user_id = "Zoë"
    values = {"subscription_id": "s-1", "format": STANDARD, "secrets": SECRETS[:1], "event": event}
    return pb.DueEventDelivery(**(values | fields))


class Receiver(QuietHandler):
    """Keeps what it is sent, and answers as its server says."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.server.seen.append((self.path, dict(self.headers), self.body()))  # type: ignore[attr-defined]
        status, headers, body = self.server.answer  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def receiver() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.seen, server.answer = [], (204, {}, b"")
    server.url = f"http://127.0.0.1:{server.server_port}/hook?to=me"
    with serving(server):
        yield server


@pytest.fixture
async def allowed():
    """Endpoints that may lie on this machine."""
    endpoints = Endpoints(LOOPBACK, 5.0)
    yield endpoints
    await endpoints.close()


@pytest.fixture
async def guarded():
    """Endpoints as they are unless an operator says otherwise."""
    endpoints = Endpoints((), 5.0)
    yield endpoints
    await endpoints.close()


@pytest.mark.parametrize("secrets", [SECRETS[:1], SECRETS[:2]])
async def test_standardwebhooks_verifies_what_comes(receiver: Any, allowed: Endpoints, secrets: list[str]):
    outcome = await allowed.post(receiver.url, written(due(secrets=secrets), time.time()))
    assert outcome.status == 204
    ((path, headers, body),) = receiver.seen
    assert path == "/hook?to=me"
    for secret in secrets:
        told = Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    assert (told["type"], told["timestamp"]) == ("notification.sent", "2026-11-30T08:00:00.500Z")
    assert told["data"] == {
        "event_id": "0197a000-3",
        "notification_id": "0197a000",
        "status": "SENT",
        "user_id": "Zoë",
    }
    assert headers["webhook-id"] == "0197a000-3"


@pytest.mark.parametrize("changed", ["secret", "body", "id", "time"])
def test_standardwebhooks_refuses_what_was_changed(changed: str):
    request = written(due(), time.time())
    headers, body, secret = dict(request.headers), request.body, SECRETS[0]
    if changed == "secret":
        secret = SECRETS[1]
    elif changed == "body":
        body += b" "
    elif changed == "id":
        headers["webhook-id"] = "another"
    else:
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("notification_id", ["0197a000", ""])
def test_cloudevents_reads_what_comes_and_it_is_signed_too(notification_id: str):
    asked = due(format=CLOUDS)
    asked.event.notification_id = notification_id
    request = written(asked, time.time())
    assert request.headers["content-type"].startswith("application/cloudevents+json")
    event = from_structured(HTTPMessage(headers=request.headers, body=request.body), JSONFormat())
    assert (event.get_id(), event.get_type(), event.get_source()) == (
        "0197a000-3",
        "notification.sent",
        "/v1/subscriptions/s-1",
    )
    assert event.get_specversion() == "1.0"
    assert event.get_subject() == (notification_id or None)
    assert event.get_data()["status"] == "SENT"
    assert Webhook(SECRETS[0]).verify(request.body, request.headers)["id"] == "0197a000-3"


def test_a_webhook_id_is_the_same_whatever_the_attempt():
    first, later = written(due(), 1_700_000_000), written(due(attempt=7), 1_700_009_000)
    assert first.headers["webhook-id"] == later.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != later.headers["webhook-timestamp"]
    assert first.body == later.body


@pytest.mark.parametrize("status", [200, 299, 400, 410, 500])
async def test_an_answer_is_told_with_its_body(receiver: Any, allowed: Endpoints, status: int):
    receiver.answer = (status, {"retry-after": "17"}, b"\xffno")
    outcome = await allowed.post(receiver.url, REQUEST)
    assert (outcome.status, outcome.body, outcome.retry_after) == (status, "\N{REPLACEMENT CHARACTER}no", 17.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(receiver: Any, allowed: Endpoints, status: int):
    receiver.answer = (status, {"location": receiver.url}, b"")
    outcome = await allowed.post(receiver.url, REQUEST)
    assert (outcome.status, outcome.error) == (status, "a redirect is not followed")
    assert len(receiver.seen) == 1


async def test_an_answer_is_read_to_64_kib(receiver: Any, allowed: Endpoints):
    receiver.answer = (200, {}, b"x" * (LARGEST_ANSWER - 1_000))
    assert (await allowed.post(receiver.url, REQUEST)).error == ""
    receiver.answer = (200, {}, b"x" * (LARGEST_ANSWER + 1))
    outcome = await allowed.post(receiver.url, REQUEST)
    assert (outcome.status, outcome.error) == (200, f"an answer has at most {LARGEST_ANSWER} bytes")


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_one_that_says_nothing_ends_in_time():
    endpoints = Endpoints(LOOPBACK, 0.2)
    with silent() as port:
        outcome = await endpoints.post(f"http://127.0.0.1:{port}/", REQUEST)
    assert (outcome.status, bool(outcome.error)) == (0, True)
    await endpoints.close()


async def test_one_that_is_away_is_told_so(allowed: Endpoints):
    with silent() as port:
        pass
    outcome = await allowed.post(f"http://127.0.0.1:{port}/", REQUEST)
    assert (outcome.status, outcome.error) == (0, "nobody takes the connection")


#: By the port: that of a server that would answer.
INSIDE = [
    "http://127.0.0.1:{0}/",
    "http://localhost:{0}/",
    "http://LOCALHOST.:{0}/",
    "http://2130706433:{0}/",
    "http://0x7f000001:{0}/",
    "http://0177.0.0.1:{0}/",
    "http://127.1:{0}/",
    "http://0:{0}/",
    "http://0.0.0.0:{0}/",
    "http://[::1]:{0}/",
    "http://[::]:{0}/",
    "http://[::ffff:127.0.0.1]:{0}/",
    "http://[::ffff:7f00:1]:{0}/",
    "http://[64:ff9b::7f00:1]:{0}/",
    "http://[2002:7f00:1::]:{0}/",
    "http://10.0.0.1:{0}/",
    "http://172.16.0.1:{0}/",
    "http://192.168.1.1:{0}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fe80::1]:{0}/",
    "http://100.64.0.1:{0}/",
    "http://100.100.100.200/latest/meta-data/",
    "http://168.63.129.16/",
    "http://224.0.0.1:{0}/",
    "http://255.255.255.255:{0}/",
]


@pytest.mark.parametrize("url", INSIDE)
async def test_what_lies_inside_is_not_called(receiver: Any, guarded: Endpoints, url: str):
    outcome = await guarded.post(url.format(receiver.server_port), REQUEST)
    assert outcome.status == 0
    assert outcome.error
    assert receiver.seen == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["10.1.2.3", "::1"], ["169.254.169.254"]])
async def test_a_name_that_leads_inside_is_not_called(
    receiver: Any, guarded: Endpoints, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
):
    found = [address for one in addresses for address in socket.getaddrinfo(one, receiver.server_port)]
    monkeypatch.setattr(look_ups.socket, "getaddrinfo", lambda *_, **__: found)
    outcome = await guarded.post(f"http://hook.example.com:{receiver.server_port}/", REQUEST)
    assert outcome.error == "its address lies in no network that may be called"
    assert receiver.seen == []


async def test_the_address_that_was_looked_at_is_the_one_that_is_called(
    receiver: Any, guarded: Endpoints, monkeypatch: pytest.MonkeyPatch
):
    """A name that leads into the internet when it is looked at, and inside from then on, is asked for once."""
    asked = []
    public = socket.getaddrinfo("203.0.113.1", 9, type=socket.SOCK_STREAM)
    inside = socket.getaddrinfo("127.0.0.1", receiver.server_port, type=socket.SOCK_STREAM)
    called: list[Any] = []

    def look_up(*given: Any, **_: Any) -> Any:
        asked.append(given)
        return [(*public[0][:4], ("8.8.8.8", 9))] if len(asked) == 1 else inside

    async def connect(_loop: Any, _sock: Any, address: Any) -> None:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(look_ups.socket, "getaddrinfo", look_up)
    monkeypatch.setattr("asyncio.selector_events.BaseSelectorEventLoop.sock_connect", connect)
    outcome = await guarded.post(f"http://hook.example.com:{receiver.server_port}/", REQUEST)
    assert (outcome.status, len(asked), called) == (0, 1, [("8.8.8.8", 9)])
    assert receiver.seen == []


async def test_an_operator_can_allow_a_network(receiver: Any):
    for allowed, status in ((networks("127.0.0.1/32"), 204), (networks("127.0.0.2/32,10.0.0.0/8"), 0)):
        endpoints = Endpoints(allowed, 5.0)
        assert (await endpoints.post(receiver.url, REQUEST)).status == status
        await endpoints.close()


async def test_connections_of_endpoints_long_not_called_are_closed(receiver: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sending, "_MOST_KEPT", 2)
    endpoints = Endpoints(networks("127.0.0.1/32"), 5.0)
    for number in range(5):
        await endpoints.post(f"{receiver.url}&n={number}", REQUEST)
    assert len(endpoints.clients) == 2
    await endpoints.close()
