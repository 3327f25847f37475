"""Events of SES at the delivery service: from real gRPC to a real HTTP server that takes the place of SNS."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Iterator
from http.server import ThreadingHTTPServer
from urllib.parse import urlsplit

import grpc
import pytest
from google.api import httpbody_pb2

from pulse.common.v1 import enums_pb2
from pulse.delivery.v1 import delivery_service_pb2, delivery_service_pb2_grpc
from pulse.ledger.v1 import records_pb2
from services.delivery.config import DeliverySettings
from services.delivery.providers.sns.http import LARGEST_ANSWER
from services.delivery.server import Delivery
from shared.clock import FixedClock
from shared.errors import Code, PulseError
from shared.rpc.channels import call, open_channel
from tests.delivery.fakes import FakeLedger
from tests.delivery.sns_messages import MADE_AT, NOTIFICATION, SUBSCRIPTION, TOPIC, signer
from tests.delivery.test_ses_event import ID, event
from tests.support.http_servers import QuietHandler, serving

CONFIRM = f"/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"


class Sns(ThreadingHTTPServer):
    """Answers every path with ``status`` and ``answer``; remembers what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.status = 200
        self.answer = signer().pem
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.certificate_url = f"{self.url}/SimpleNotificationService-0a.pem"

    def notification(self, text: str, **more: str) -> bytes:
        return signer().body({**NOTIFICATION, "Message": text, **more}, url=self.certificate_url)

    def subscription(self, subscribe_url: str, kind: str = "SubscriptionConfirmation") -> bytes:
        message = {**SUBSCRIPTION, "Type": kind, "SubscribeURL": subscribe_url}
        return signer().body(message, url=self.certificate_url)


class Handler(QuietHandler):
    server: Sns

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)


@pytest.fixture
def sns() -> Iterator[Sns]:
    server = Sns()
    with serving(server):
        yield server


@pytest.fixture
async def channel(ledger: tuple[FakeLedger, str], sns: Sns) -> AsyncIterator[grpc.aio.Channel]:
    settings = DeliverySettings(
        listen="127.0.0.1:0",
        ledger_address=ledger[1],
        ses_event_topics=f"arn:aws:sns:us-east-1:123456789012:other, {TOPIC}",
        ses_event_base_url=sns.url,
        drain_seconds=0.1,
    )
    service = Delivery(settings, FixedClock(MADE_AT + dt.timedelta(days=1)))
    await service.start()
    opened = open_channel(f"127.0.0.1:{service.port}")
    yield opened
    await opened.close()
    await service.stop()


async def post(channel: grpc.aio.Channel, body: bytes) -> httpbody_pb2.HttpBody:
    """As Envoy passes it on."""
    stub = delivery_service_pb2_grpc.ReceiptServiceStub(channel)
    request = delivery_service_pb2.ReceiveSesEventRequest(body=httpbody_pb2.HttpBody(data=body))
    return await call(stub.ReceiveSesEvent, request)


async def refused(channel: grpc.aio.Channel, body: bytes) -> tuple[Code, str]:
    with pytest.raises(PulseError) as caught:
        await post(channel, body)
    return caught.value.code, caught.value.reason


async def test_a_signed_event_becomes_receipts(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str], sns: Sns
) -> None:
    for text in (event("Send"), event("Complaint")):
        assert (await post(channel, sns.notification(text))).data == b""
    delivered, complaint = ledger[0].receipts
    assert (delivered.status, delivered.rejection) == (enums_pb2.DELIVERED, records_pb2.REJECTION_UNSPECIFIED)
    assert (complaint.status, complaint.rejection) == (enums_pb2.SENT, records_pb2.COMPLAINED)
    assert (complaint.ref.notification_id, complaint.failure.code) == (ID, "COMPLAINT")
    assert len(sns.asked) == 1, "the certificate is asked for once"


async def test_what_sns_did_not_sign_changes_nothing(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str], sns: Sns
) -> None:
    forged = {**json.loads(sns.notification(event("Delivery"))), "Message": event("Complaint")}
    assert await refused(channel, json.dumps(forged).encode()) == (Code.PERMISSION_DENIED, "BAD_SIGNATURE")
    elsewhere = signer().body({**NOTIFICATION, "Message": event("Complaint")})
    assert await refused(channel, elsewhere) == (Code.PERMISSION_DENIED, "BAD_SIGNATURE")
    assert await refused(channel, b"{}") == (Code.INVALID_ARGUMENT, "BAD_MESSAGE")
    assert not ledger[0].receipts


async def test_a_topic_that_is_not_configured_is_refused_before_anything_is_asked(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str], sns: Sns
) -> None:
    body = sns.notification(event("Complaint"), TopicArn=f"{TOPIC}2")
    assert await refused(channel, body) == (Code.PERMISSION_DENIED, "UNKNOWN_TOPIC")
    assert (sns.asked, ledger[0].receipts) == ([], [])


async def test_a_subscription_is_confirmed(channel: grpc.aio.Channel, sns: Sns) -> None:
    await post(channel, sns.subscription(sns.url + CONFIRM))
    assert sns.asked == [urlsplit(sns.certificate_url).path, CONFIRM]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254" + CONFIRM,
        f"https://sns.eu-west-1.amazonaws.com{CONFIRM}",
        "{sns}" + CONFIRM.replace("ConfirmSubscription", "Unsubscribe"),
        "{sns}" + CONFIRM.replace("ses-events", "other"),
    ],
)
async def test_a_signed_address_that_confirms_nothing_is_not_asked(
    channel: grpc.aio.Channel, sns: Sns, url: str
) -> None:
    body = sns.subscription(url.replace("{sns}", sns.url))
    assert await refused(channel, body) == (Code.PERMISSION_DENIED, "BAD_SIGNATURE")
    assert sns.asked == [urlsplit(sns.certificate_url).path]


async def test_the_end_of_a_subscription_is_acknowledged_and_not_undone(channel: grpc.aio.Channel, sns: Sns) -> None:
    await post(channel, sns.subscription(sns.url + CONFIRM, "UnsubscribeConfirmation"))
    assert sns.asked == [urlsplit(sns.certificate_url).path]


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (503, b"", (Code.UNAVAILABLE, "SNS_UNAVAILABLE")),
        (404, b"", (Code.PERMISSION_DENIED, "BAD_SIGNATURE")),
        (302, b"", (Code.PERMISSION_DENIED, "BAD_SIGNATURE")),
        (200, b"x" * (LARGEST_ANSWER + 1), (Code.PERMISSION_DENIED, "BAD_SIGNATURE")),
    ],
)
async def test_without_its_certificate_no_event_is_taken(
    channel: grpc.aio.Channel, sns: Sns, status: int, answer: bytes, expected: tuple[Code, str]
) -> None:
    sns.status, sns.answer = status, answer
    assert await refused(channel, sns.notification(event("Delivery"))) == expected
    assert set(sns.asked) == {urlsplit(sns.certificate_url).path}, "no redirect is followed"


async def test_sns_that_cannot_be_reached_is_to_try_again(channel: grpc.aio.Channel, sns: Sns) -> None:
    body = sns.notification(event("Delivery"))
    sns.shutdown()
    sns.server_close()
    assert await refused(channel, body) == (Code.UNAVAILABLE, "SNS_UNAVAILABLE")
