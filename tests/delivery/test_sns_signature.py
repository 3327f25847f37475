"""Messages of SNS: read, and told from forged ones."""

from __future__ import annotations

import base64
import datetime as dt
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from services.delivery.providers.sns import envelope
from services.delivery.providers.sns.addresses import SnsAddresses
from services.delivery.providers.sns.http import SnsRefusal
from services.delivery.providers.sns.signature import KEPT, MOST_KEPT, SnsSignatures
from shared.clock import FixedClock
from shared.errors import PulseError
from tests.delivery.sns_messages import (
    CERTIFICATE_URL,
    MADE_AT,
    NOTIFICATION,
    SUBSCRIBE_URL,
    SUBSCRIPTION,
    TOPIC,
    certificate_for,
    signer,
)

UNSUBSCRIPTION = {**SUBSCRIPTION, "Type": "UnsubscribeConfirmation"}
WITHOUT_SUBJECT = {name: value for name, value in NOTIFICATION.items() if name != "Subject"}


class Sns:
    """Serves certificates; counts how often it is asked."""

    def __init__(self, pem: bytes | None = None) -> None:
        self.pem = pem
        self.asked: list[str] = []
        self.clock = FixedClock(MADE_AT + dt.timedelta(days=1))
        self.signatures = SnsSignatures(SnsAddresses(), self._serve, self.clock)

    async def verify(self, message: dict[str, str]) -> None:
        await self.signatures.verify(envelope.parse(json.dumps(message).encode()))

    async def _serve(self, url: str) -> bytes:
        self.asked.append(url)
        if self.pem is None:
            raise SnsRefusal("SNS answers 403")
        return self.pem


@pytest.fixture
def sns() -> Sns:
    return Sns(signer().pem)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("message", [NOTIFICATION, WITHOUT_SUBJECT, SUBSCRIPTION, UNSUBSCRIPTION])
async def test_a_message_signed_by_sns_is_taken(sns: Sns, message: dict[str, str], version: str) -> None:
    await sns.verify(signer().sign(message, version))


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        *((name, NOTIFICATION[name] + "2") for name in ("Message", "MessageId", "Subject", "TopicArn")),
        ("Timestamp", "2026-01-02T23:54:07.655Z"),
    ],
)
async def test_a_changed_notification_is_refused(sns: Sns, name: str, changed: str) -> None:
    with pytest.raises(PulseError, match=r"BAD_SIGNATURE: .*not that of this message"):
        await sns.verify({**signer().sign(NOTIFICATION), name: changed})


@pytest.mark.parametrize("name", ["SubscribeURL", "Token", "Message"])
async def test_a_changed_subscription_is_refused(sns: Sns, name: str) -> None:
    with pytest.raises(PulseError, match="BAD_SIGNATURE"):
        await sns.verify({**signer().sign(SUBSCRIPTION), name: "other"})


@pytest.mark.parametrize(
    "changed",
    [
        {"Signature": base64.b64encode(b"x" * 256).decode()},
        {"Signature": "AAAA"},
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": SUBSCRIBE_URL},
    ],
)
async def test_another_signature_is_refused(sns: Sns, changed: dict[str, str]) -> None:
    with pytest.raises(PulseError, match="BAD_SIGNATURE"):
        await sns.verify({**signer().sign(NOTIFICATION), **changed})


async def test_a_key_that_is_not_the_certificates_is_refused(sns: Sns) -> None:
    with pytest.raises(PulseError, match="BAD_SIGNATURE"):
        await sns.verify(signer("stranger").sign(NOTIFICATION))


@pytest.mark.parametrize(
    "pem",
    [
        None,
        b"",
        b"<ErrorResponse/>",
        certificate_for(signer().key, days=1).public_bytes(Encoding.PEM)[:200],
        certificate_for(ec.generate_private_key(ec.SECP256R1())).public_bytes(Encoding.PEM),
        certificate_for(rsa.generate_private_key(65537, 1024)).public_bytes(Encoding.PEM),
    ],
)
async def test_a_certificate_that_will_not_do_is_refused(pem: bytes | None) -> None:
    with pytest.raises(PulseError, match="BAD_SIGNATURE"):
        await Sns(pem).verify(signer().sign(NOTIFICATION))


@pytest.mark.parametrize("days", [-2, 40])
async def test_a_certificate_counts_only_in_its_time(sns: Sns, days: int) -> None:
    sns.clock.advance(days * 86_400)
    with pytest.raises(PulseError, match=r"BAD_SIGNATURE: .*not valid now"):
        await sns.verify(signer().sign(NOTIFICATION))


async def test_a_certificate_is_asked_for_once_a_day(sns: Sns) -> None:
    for _ in range(3):
        await sns.verify(signer().sign(NOTIFICATION))
    assert sns.asked == [CERTIFICATE_URL]
    sns.clock.advance(KEPT.total_seconds())
    await sns.verify(signer().sign(made(sns.clock.now())))
    assert sns.asked == [CERTIFICATE_URL] * 2


@pytest.mark.parametrize("minutes", [0, -119, 4])
async def test_a_message_may_take_as_long_as_sns_tries(sns: Sns, minutes: int) -> None:
    await sns.verify(signer().sign(made(sns.clock.now() + dt.timedelta(minutes=minutes))))


@pytest.mark.parametrize("minutes", [-121, -60 * 24 * 365, 6, 60 * 24 * 365])
async def test_a_message_of_another_time_is_refused(sns: Sns, minutes: int) -> None:
    """One that was seen on its way, and is sent again later."""
    with pytest.raises(PulseError, match=r"BAD_SIGNATURE: .*lately"):
        await sns.verify(signer().sign(made(sns.clock.now() + dt.timedelta(minutes=minutes))))


@pytest.mark.parametrize("text", ["yesterday", "2026-01-02T23:54:06.655", "2026-13-02T23:54:06Z", "1767398046"])
async def test_a_message_that_does_not_say_when_it_was_made_is_none(sns: Sns, text: str) -> None:
    with pytest.raises(PulseError, match=r"BAD_MESSAGE: .*Timestamp"):
        await sns.verify(signer().sign(NOTIFICATION | {"Timestamp": text}))


def made(at: dt.datetime) -> dict[str, str]:
    """A notification that was made at a time."""
    return NOTIFICATION | {"Timestamp": at.isoformat().replace("+00:00", "Z")}


async def test_no_more_than_some_certificates_are_kept(sns: Sns) -> None:
    urls = [CERTIFICATE_URL.replace("0a", f"{number:02d}") for number in range(MOST_KEPT + 1)]
    for url in [*urls, urls[-1], urls[0]]:
        await sns.verify(signer().sign(NOTIFICATION, url=url))
    assert sns.asked == [*urls, urls[0]]


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE_URL.replace("https", "http"),
        CERTIFICATE_URL.replace("sns.eu-west-1", "evil.eu-west-1"),
        CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com.evil.example"),
        CERTIFICATE_URL.replace("sns.eu-west-1.amazonaws.com", "snsXeu-west-1.amazonaws.com"),
        CERTIFICATE_URL.replace("https://", "https://evil.example@"),
        CERTIFICATE_URL.replace(".com/", ".com:8443/"),
        CERTIFICATE_URL.replace("SimpleNotificationService", "x/../SimpleNotificationService"),
        CERTIFICATE_URL + "?Action=Publish",
        CERTIFICATE_URL + "#x",
        CERTIFICATE_URL + "\n",
        "https://sns.eu-west-1.amazonaws.com/?Action=ListTopics&x=.pem",
        "https://s3.amazonaws.com/SimpleNotificationService-0a.pem",
        "http://169.254.169.254/SimpleNotificationService-0a.pem",
        "http://127.0.0.1:8025/SimpleNotificationService-0a.pem",
        "file:///etc/SimpleNotificationService-0a.pem",
    ],
)
async def test_nothing_but_sns_is_asked_for_a_certificate(sns: Sns, url: str) -> None:
    with pytest.raises(PulseError, match=r"BAD_SIGNATURE: .*SigningCertURL"):
        await sns.verify(signer().sign(NOTIFICATION, url=url))
    assert not sns.asked


@pytest.mark.parametrize(
    ("url", "topic", "confirms"),
    [
        (SUBSCRIBE_URL, TOPIC, True),
        (SUBSCRIBE_URL.replace("arn:aws:", "arn%3Aaws%3A"), TOPIC, True),
        (SUBSCRIBE_URL.replace("amazonaws.com", "amazonaws.com.cn"), TOPIC, True),
        (SUBSCRIBE_URL, TOPIC + "2", False),
        (SUBSCRIBE_URL.replace("ConfirmSubscription", "Unsubscribe"), TOPIC, False),
        (SUBSCRIBE_URL + "&Action=Unsubscribe", TOPIC, False),
        (SUBSCRIBE_URL + f"&TopicArn={TOPIC}", TOPIC, False),
        (SUBSCRIBE_URL.replace("https", "http"), TOPIC, False),
        (SUBSCRIBE_URL.replace("sns.eu-west-1.amazonaws.com", "169.254.169.254"), TOPIC, False),
    ],
)
def test_nothing_but_a_confirmation_of_the_topic_is_asked(url: str, topic: str, confirms: bool) -> None:
    assert SnsAddresses().confirms(url, topic) == confirms


def test_a_look_alike_takes_the_place_of_amazons() -> None:
    addresses = SnsAddresses("http://127.0.0.1:8025/")
    assert addresses.has_certificate("http://127.0.0.1:8025/SimpleNotificationService-0a.pem", TOPIC)
    assert not addresses.has_certificate("http://127.0.0.1:80255/SimpleNotificationService-0a.pem", TOPIC)
    assert not addresses.has_certificate("http://127a0b0c1:8025/SimpleNotificationService-0a.pem", TOPIC)
    assert not addresses.has_certificate(CERTIFICATE_URL, TOPIC)
    assert not addresses.confirms(SUBSCRIBE_URL, TOPIC)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"eventType": "Delivery", "mail": {}}',
        json.dumps({**signer().sign(NOTIFICATION), "Type": "Delivery"}).encode(),
        json.dumps({**signer().sign(NOTIFICATION), "Message": 1}).encode(),
        json.dumps({**signer().sign(NOTIFICATION), "Message": "\ud800"}).encode(),
        json.dumps({**signer().sign(NOTIFICATION), "Signature": "é!"}).encode(),
        json.dumps({**signer().sign(NOTIFICATION), "SigningCertURL": ""}).encode(),
        json.dumps({**signer().sign(SUBSCRIPTION), "SubscribeURL": None}).encode(),
        json.dumps({**signer().sign(NOTIFICATION), "Message": "x" * envelope.LARGEST_MESSAGE}).encode(),
    ],
)
def test_what_is_no_message_of_sns_is_refused(body: bytes) -> None:
    with pytest.raises(PulseError, match="BAD_MESSAGE"):
        envelope.parse(body)


def test_a_certificate_of_another_region_does_not_sign_for_a_topic() -> None:
    addresses = SnsAddresses()
    assert addresses.has_certificate(CERTIFICATE_URL, TOPIC)
    assert not addresses.has_certificate(CERTIFICATE_URL.replace("eu-west-1", "us-east-1"), TOPIC)
