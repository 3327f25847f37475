"""Events of SES: posted to whoever subscribed and confirmed, signed as SNS signs."""

from __future__ import annotations

import base64
import json
import queue
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.sandbox.running import RunningSandbox, Start, email
from tests.sandbox.test_sandbox_aws import client
from tests.support.http_servers import QuietHandler, serving

TOPIC = "arn:aws:sns:eu-central-1:123456789012:ses"


class Subscriber(ThreadingHTTPServer):
    """An address that SNS posts to; answers with ``statuses`` in their order, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posted: queue.Queue[dict[str, str]] = queue.Queue()
        self.statuses: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/events"

    def next(self) -> dict[str, str]:
        return self.posted.get(timeout=5)


class Handler(QuietHandler):
    server: Subscriber

    def do_POST(self) -> None:
        body = self.body()
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.posted.put(json.loads(body))


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    server = Subscriber()
    with serving(server):
        yield server


@pytest.fixture
def quick(start: Start) -> RunningSandbox:
    return start(sandbox_callback_delay_ms=1)


def subscribe(sandbox: RunningSandbox, subscriber: Subscriber, confirm: bool = True) -> dict[str, str]:
    """Returns what was posted; by default the subscription is then confirmed."""
    answer = client(sandbox, "sns").subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=subscriber.url)
    assert answer["SubscriptionArn"] == "pending confirmation"
    asked = subscriber.next()
    if confirm:
        assert httpx.get(asked["SubscribeURL"]).status_code == 200
    return asked


def send(sandbox: RunningSandbox, to: str, **more: Any) -> str:
    raw = {"Raw": {"Data": email(to).as_bytes()}}
    tags = [{"Name": "pulse_notification_id", "Value": "7"}]
    given = {"ConfigurationSetName": "pulse", "EmailTags": tags, **more}
    answer = client(sandbox, "sesv2").send_email(
        FromEmailAddress="a@example.org", Destination={"ToAddresses": [to]}, Content=raw, **given
    )
    return str(answer["MessageId"])


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("ada@example.org", ["Send", "Delivery"]),
        ("success@simulator.amazonses.com", ["Send", "Delivery"]),
        ("bounce+1@simulator.amazonses.com", ["Send", "Bounce"]),
        ("suppressionlist@simulator.amazonses.com", ["Send", "Bounce"]),
        ("complaint+label@simulator.amazonses.com", ["Send", "Delivery", "Complaint"]),
        ("complaint@example.org", ["Send", "Delivery"]),
    ],
)
def test_an_address_of_the_simulator_has_its_end(
    quick: RunningSandbox, subscriber: Subscriber, to: str, told: list[str]
) -> None:
    subscribe(quick, subscriber)
    message_id = send(quick, to)
    events = [json.loads(subscriber.next()["Message"]) for _ in told]
    assert [event["eventType"] for event in events] == told
    for event in events:
        assert (event["mail"]["messageId"], event["mail"]["destination"]) == (message_id, [to])
        assert event["mail"]["tags"] == {"ses:configuration-set": ["pulse"], "pulse_notification_id": ["7"]}


def test_every_message_is_signed_by_the_certificate_that_it_names(
    quick: RunningSandbox, subscriber: Subscriber
) -> None:
    asked = subscribe(quick, subscriber)
    send(quick, "ada@example.org")
    for message, names in (
        (asked, "Message MessageId SubscribeURL Timestamp Token TopicArn Type"),
        (subscriber.next(), "Message MessageId Timestamp TopicArn Type"),
    ):
        certificate = x509.load_pem_x509_certificate(httpx.get(message["SigningCertURL"]).content)
        text = "".join(f"{name}\n{message[name]}\n" for name in names.split())
        signature = base64.b64decode(message["Signature"])
        certificate.public_key().verify(signature, text.encode(), PKCS1v15(), hashes.SHA256())
        assert message["SignatureVersion"] == "2"


def test_nothing_is_posted_before_it_is_confirmed_or_without_a_configuration_set(
    quick: RunningSandbox, subscriber: Subscriber
) -> None:
    asked = subscribe(quick, subscriber, confirm=False)
    send(quick, "early@example.org")
    httpx.get(asked["SubscribeURL"])
    send(quick, "unpublished@example.org", ConfigurationSetName="")
    send(quick, "ada@example.org")
    assert json.loads(subscriber.next()["Message"])["mail"]["destination"] == ["ada@example.org"]


def test_a_message_that_is_not_taken_is_posted_again(quick: RunningSandbox, subscriber: Subscriber) -> None:
    subscriber.statuses = [503]
    first = subscribe(quick, subscriber, confirm=False)
    assert subscriber.next() == first


@pytest.mark.parametrize("changed", [{"TopicArn": "ses"}, {"Endpoint": "events"}, {"Protocol": "sms"}])
def test_what_cannot_be_subscribed_is_refused(shared: RunningSandbox, changed: dict[str, str]) -> None:
    given = {"TopicArn": TOPIC, "Protocol": "http", "Endpoint": "http://127.0.0.1:9/", **changed}
    with pytest.raises(ClientError, match="InvalidParameter"):
        client(shared, "sns").subscribe(**given)


def test_a_token_that_nobody_got_confirms_nothing(shared: RunningSandbox) -> None:
    answer = shared.api.get("/", params={"Action": "ConfirmSubscription", "TopicArn": TOPIC, "Token": "t"})
    assert answer.status_code == 404
    assert shared.api.get("/", params={"Action": "Publish"}).status_code == 400
    assert shared.api.get("/SimpleNotificationService-0a.pem").status_code == 404
    assert shared.api.get("/").headers["content-type"].startswith("text/html")
