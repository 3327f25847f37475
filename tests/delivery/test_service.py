"""The delivery gRPC service, over real gRPC."""

from __future__ import annotations

import asyncio
import socket
import urllib.parse
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2
from twilio.request_validator import RequestValidator

from pulse.common.v1 import enums_pb2
from pulse.delivery.v1 import delivery_service_pb2, delivery_service_pb2_grpc
from pulse.ledger.v1 import records_pb2
from services.delivery.config import DeliverySettings
from services.delivery.providers.twilio.signature import is_signed
from services.delivery.server import Delivery
from shared.errors import Code, PulseError
from shared.rpc.channels import call, open_channel
from tests.delivery.conftest import Sandbox
from tests.delivery.fakes import FakeLedger

TOKEN = "auth-token"
PUBLIC = "https://pulse.example/base"
ID = "0197a000-0000-4000-8000-00000000abcd"
DELIVERED = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+4915112345678", "ErrorMessage": ""}


@pytest.fixture
async def channel(ledger: tuple[FakeLedger, str]) -> AsyncIterator[grpc.aio.Channel]:
    settings = DeliverySettings(
        listen="127.0.0.1:0",
        ledger_address=ledger[1],
        public_url=PUBLIC,
        twilio_account_sid="AC1",
        twilio_auth_token=TOKEN,
        twilio_from="+15005550006",
        twilio_prices=False,
        drain_seconds=0.1,
    )
    service = Delivery(settings)
    await service.start()
    opened = open_channel(f"127.0.0.1:{service.port}")
    yield opened
    await opened.close()
    await service.stop()


async def report(
    channel: grpc.aio.Channel,
    form: dict[str, str] | bytes,
    *,
    signature: str | None = None,
    query: str = "",
    **more: Any,
) -> httpbody_pb2.HttpBody:
    """Posts a callback as Envoy passes it on, ``query`` apart; by default it is well signed."""
    body = form if isinstance(form, bytes) else urllib.parse.urlencode(form).encode()
    if signature is None:
        url = f"{PUBLIC}/callbacks/twilio/default/{ID}?notification_id={ID}"
        signature = RequestValidator(TOKEN).compute_signature(url, form if isinstance(form, dict) else {})
    request = delivery_service_pb2.ReceiveTwilioReceiptRequest(
        **{"tenant_id": "default", "notification_id": ID, **more},
        body=httpbody_pb2.HttpBody(content_type="application/x-www-form-urlencoded", data=body),
    )
    stub = delivery_service_pb2_grpc.ReceiptServiceStub(channel)
    metadata = (("x-twilio-signature", signature),) if signature else ()
    metadata += (("x-pulse-query", query),) if query else ()
    return await call(
        lambda given, timeout: stub.ReceiveTwilioReceipt(given, timeout=timeout, metadata=metadata), request
    )


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        (DELIVERED, "DELIVERED", ""),
        ({"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"}, "UNDELIVERED", "30003"),
        ({"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "30008"}, "UNDELIVERED", "30008"),
        ({"MessageSid": "SM1", "MessageStatus": "failed"}, "UNDELIVERED", "UNDELIVERED"),
    ],
)
async def test_a_signed_callback_becomes_a_receipt(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str], form: dict[str, str], status: str, code: str
) -> None:
    answer = await report(channel, form)
    assert (answer.content_type, answer.data) == ("text/xml", b"<Response/>")
    [receipt] = ledger[0].receipts
    assert (receipt.ref.tenant_id, receipt.ref.notification_id) == ("default", ID)
    assert (receipt.provider, receipt.provider_message_id) == ("twilio", "SM1")
    assert enums_pb2.Status.Name(receipt.status) == status
    assert receipt.failure.code == code


async def report_of(channel: grpc.aio.Channel, provider: str, signature: str, **place: str) -> httpbody_pb2.HttpBody:
    """Posts the same by the call that takes the reports of all providers."""
    body = httpbody_pb2.HttpBody(data=urllib.parse.urlencode(DELIVERED).encode())
    request = delivery_service_pb2.ReceiveReportRequest(provider=provider, body=body, **place)
    stub = delivery_service_pb2_grpc.ReceiptServiceStub(channel)
    metadata = (("x-twilio-signature", signature),)
    return await call(lambda given, timeout: stub.ReceiveReport(given, timeout=timeout, metadata=metadata), request)


SIGNED = RequestValidator(TOKEN).compute_signature(
    f"{PUBLIC}/callbacks/twilio/default/{ID}?notification_id={ID}", DELIVERED
)


async def test_a_report_is_taken_by_the_providers_name(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str]
) -> None:
    answer = await report_of(channel, "twilio", SIGNED, tenant_id="default", notification_id=ID)
    assert (answer.content_type, answer.data) == ("text/xml", b"<Response/>")
    assert [(one.provider, one.ref.notification_id) for one in ledger[0].receipts] == [("twilio", ID)]


@pytest.mark.parametrize(
    ("provider", "place", "reason"),
    [
        ("twilio", {"tenant_id": "default", "notification_id": str(uuid.uuid4())}, "BAD_SIGNATURE"),
        ("twilio", {"tenant_id": "other", "notification_id": ID}, "BAD_SIGNATURE"),
        ("twilio", {}, "BAD_SIGNATURE"),
        ("ses", {}, "BAD_MESSAGE"),
        ("smtp", {}, "PROVIDER_NOT_FOUND"),
        ("Twilio", {}, "PROVIDER_NOT_FOUND"),
        ("", {}, "PROVIDER_NOT_FOUND"),
        ("x" * 5_000, {}, "PROVIDER_NOT_FOUND"),
    ],
)
async def test_what_is_no_report_of_that_provider_changes_nothing(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str], provider: str, place: dict[str, str], reason: str
) -> None:
    with pytest.raises(PulseError) as refused:
        await report_of(channel, provider, SIGNED, **place)
    assert refused.value.reason == reason
    assert len(refused.value.message) < 500
    assert not ledger[0].receipts


@pytest.mark.parametrize(
    ("state", "code", "rejection"),
    [
        ("undelivered", "30005", records_pb2.GONE),
        ("failed", "21610", records_pb2.OPTED_OUT),
        ("undelivered", "30003", records_pb2.REJECTION_UNSPECIFIED),
        ("undelivered", "²", records_pb2.REJECTION_UNSPECIFIED),
        ("delivered", "30005", records_pb2.REJECTION_UNSPECIFIED),
    ],
)
async def test_a_callback_may_hold_a_lasting_word_on_the_number(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str], state: str, code: str, rejection: int
) -> None:
    await report(channel, {"MessageSid": "SM1", "MessageStatus": state, "ErrorCode": code})
    assert ledger[0].receipts[0].rejection == rejection


@pytest.mark.parametrize("state", ["queued", "sending", "sent", "accepted"])
async def test_a_state_on_the_way_is_acknowledged_and_not_recorded(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str], state: str
) -> None:
    await report(channel, {"MessageSid": "SM1", "MessageStatus": state})
    assert not ledger[0].receipts


async def test_an_id_that_is_none_is_acknowledged_and_not_recorded(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str]
) -> None:
    url = f"{PUBLIC}/callbacks/twilio/default/x%2Fy?notification_id=x%2Fy"
    signature = RequestValidator(TOKEN).compute_signature(url, DELIVERED)
    await report(channel, DELIVERED, signature=signature, notification_id="x/y")
    assert not ledger[0].receipts


@pytest.mark.parametrize(
    ("signature", "more"),
    [
        ("", {}),
        ("AAAA", {}),
        ("nö", {}),
        (RequestValidator("other").compute_signature(f"{PUBLIC}/callbacks/twilio/default/{ID}", DELIVERED), {}),
        (None, {"tenant_id": "other"}),
        (None, {"notification_id": str(uuid.uuid4())}),
    ],
)
async def test_a_callback_that_twilio_did_not_sign_for_this_address_is_refused(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str], signature: str | None, more: dict[str, str]
) -> None:
    if signature is not None and not signature.isascii():
        signature = signature.encode().hex()
    with pytest.raises(PulseError) as caught:
        await report(channel, DELIVERED, signature=signature, **more)
    assert (caught.value.code, caught.value.reason) == (Code.UNAUTHENTICATED, "BAD_SIGNATURE")
    assert not ledger[0].receipts


LONGER = [
    f"notification_id={ID}&utm_source=x",
    f"utm_source=x&notification_id={ID}",
    f"notification_id={ID}&amp;region=de",
    f"notification_id%3D{ID}",
    f"notification_id%253D{ID}",
    "a=1&a=2&b=+%20&%zz",
    "bodySHA256=5ccde7145dfb8f56479710896586cb9d5911809d83afbe34627818790db0aec9",
]


@pytest.mark.parametrize("query", LONGER)
async def test_parameters_may_be_added_before_twilio_signs_an_address_or_after(
    channel: grpc.aio.Channel, ledger: tuple[FakeLedger, str], query: str
) -> None:
    await report(channel, DELIVERED, query=query)
    url = f"{PUBLIC}/callbacks/twilio/default/{ID}?{query}"
    await report(channel, DELIVERED, query=query, signature=RequestValidator(TOKEN).compute_signature(url, DELIVERED))
    assert [receipt.ref.notification_id for receipt in ledger[0].receipts] == [ID, ID]


@pytest.mark.parametrize("query", LONGER)
async def test_added_parameters_make_no_signature_good(channel: grpc.aio.Channel, query: str) -> None:
    other = f"{PUBLIC}/callbacks/twilio/default/{uuid.uuid4()}?{query}"
    signed_for_another = RequestValidator(TOKEN).compute_signature(other, DELIVERED)
    url = f"{PUBLIC}/callbacks/twilio/default/{ID}?{query}"
    by_somebody = RequestValidator("other").compute_signature(url, DELIVERED)
    longer = RequestValidator(TOKEN).compute_signature(f"{url}&more=1", DELIVERED)
    for signature in (signed_for_another, by_somebody, longer):
        with pytest.raises(PulseError) as caught:
            await report(channel, DELIVERED, query=query, signature=signature)
        assert caught.value.reason == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    ("given", "signed"),
    [
        ("https://pulse.example.com:8443", "https://pulse.example.com:8443"),
        ("https://pulse.example.com:8443", "https://pulse.example.com"),
        ("https://pulse.example.com", "https://pulse.example.com:443"),
        ("https://pulse.example.com:443/base", "https://pulse.example.com/base"),
        ("http://pulse.example.com", "http://pulse.example.com:80"),
        ("http://pulse.example.com:80", "http://pulse.example.com"),
        ("http://pulse.example.com:8000", "http://pulse.example.com"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:443"),
        ("https://ada:pw@pulse.example.com:8443", "https://ada:pw@pulse.example.com"),
    ],
)
@pytest.mark.parametrize("path", ["/x?notification_id=1", "/x:9?a=b:8443", "/x"])
def test_twilio_signs_with_the_port_or_without_it(given: str, signed: str, path: str) -> None:
    signature = RequestValidator(TOKEN).compute_signature(signed + path, DELIVERED)
    assert is_signed(TOKEN, given + path, DELIVERED, signature)
    assert not is_signed("other", given + path, DELIVERED, signature)
    assert not is_signed(TOKEN, given + path, {**DELIVERED, "MessageSid": "SM2"}, signature)


@pytest.mark.parametrize(
    "signed",
    [
        "https://pulse.example.com:8444/x",
        "https://pulse.example.com:443/x",
        "http://pulse.example.com:8443/x",
        "https://pulse.example.com.evil.example/x",
        "https://pulse.example.com/y",
        "https://evil.example:8443/x",
    ],
)
def test_another_address_is_not_signed_because_ports_may_be_left_out(signed: str) -> None:
    signature = RequestValidator(TOKEN).compute_signature(signed, DELIVERED)
    assert not is_signed(TOKEN, "https://pulse.example.com:8443/x", DELIVERED, signature)


async def test_a_changed_form_is_refused(channel: grpc.aio.Channel) -> None:
    url = f"{PUBLIC}/callbacks/twilio/default/{ID}?notification_id={ID}"
    signature = RequestValidator(TOKEN).compute_signature(url, DELIVERED)
    with pytest.raises(PulseError) as caught:
        await report(channel, {**DELIVERED, "MessageSid": "SM2"}, signature=signature)
    assert caught.value.code is Code.UNAUTHENTICATED


@pytest.mark.parametrize(
    "form",
    [
        {"MessageSid": "SM1"},
        {"MessageStatus": "delivered"},
        {"MessageSid": "SM1", "MessageStatus": "flying"},
        b"no form",
        b"\xff\xfe",
        b"a=1&a=2",
        b"&".join(b"f%d=1" % number for number in range(200)),
        b"a=" + b"x" * 70_000,
    ],
)
async def test_what_is_no_status_callback_is_refused(channel: grpc.aio.Channel, form: dict[str, str] | bytes) -> None:
    with pytest.raises(PulseError) as caught:
        await report(channel, form)
    assert (caught.value.code, caught.value.reason) == (Code.INVALID_ARGUMENT, "BAD_CALLBACK")


async def test_providers_are_listed_with_whether_they_can_be_reached(
    ledger: tuple[FakeLedger, str], sandbox: Sandbox
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings = DeliverySettings(
        listen="127.0.0.1:0",
        ledger_address=ledger[1],
        smtp_host="127.0.0.1",
        smtp_port=port,
        fcm_base_url=sandbox.http,
        drain_seconds=0.1,
    )
    service = Delivery(settings)
    await service.start()
    async with open_channel(f"127.0.0.1:{service.port}") as opened:
        stub = delivery_service_pb2_grpc.DeliveryServiceStub(opened)
        asks = [call(stub.ListProviders, delivery_service_pb2.ListProvidersRequest()) for _ in range(5)]
        answers = await asyncio.gather(*asks)
    await service.stop()
    smtp, fcm = answers[0].providers
    assert (smtp.name, smtp.channel, smtp.reachable) == ("smtp", enums_pb2.EMAIL, False)
    assert (fcm.name, fcm.channel, fcm.reachable, fcm.problem) == ("fcm", enums_pb2.PUSH, True, "")
    assert "ConnectionRefusedError" in smtp.problem
    assert len({answer.SerializeToString() for answer in answers}) == 1


async def test_a_report_larger_than_any_providers_is_refused_unread(channel: grpc.aio.Channel) -> None:
    for size in (1024 * 1024 + 1, 4_000_000, 15_000_000):
        with pytest.raises(PulseError) as refused:
            await report(channel, b"a=" + b"x" * size)
        assert (refused.value.code, refused.value.reason) == (Code.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE")
