"""The look-alikes of SES and SNS, asked by AWS's own library and by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.sandbox.running import NOTIFICATION_ID, RunningSandbox, email

TO = "+4915112345678"
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=key/20260102/eu-central-1/{service}/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=" + "0" * 64
)


def client(sandbox: RunningSandbox, service: str) -> Any:
    session = boto3.session.Session("key", "secret", region_name="eu-central-1")
    config = Config(retries={"total_max_attempts": 1}, read_timeout=5)
    return session.client(service, endpoint_url=sandbox.url, config=config)


@pytest.fixture
def ses(sandbox: RunningSandbox) -> Iterator[Any]:
    made = client(sandbox, "sesv2")
    yield made
    made.close()


@pytest.fixture
def sns(sandbox: RunningSandbox) -> Iterator[Any]:
    made = client(sandbox, "sns")
    yield made
    made.close()


def send_email(ses: Any, *to: str) -> Any:
    raw = {"Raw": {"Data": email(html="<p>One</p>").as_bytes()}}
    return ses.send_email(FromEmailAddress="a@example.org", Destination={"ToAddresses": list(to)}, Content=raw)


def publish(sns: Any, **more: Any) -> Any:
    named = {"pulse_notification_id": {"DataType": "String", "StringValue": NOTIFICATION_ID}}
    return sns.publish(**{"PhoneNumber": TO, "Message": "Grüße & more", "MessageAttributes": named, **more})


def test_ses_keeps_a_receipt_for_each_recipient_before_it_answers(sandbox: RunningSandbox, ses: Any) -> None:
    answer = send_email(ses, "ada@example.org", "bob@example.org")
    ada, bob = sandbox.receipts(channel="email")
    assert (ada["to"], bob["to"]) == ("ada@example.org", "bob@example.org")
    assert ada["provider_id"] == bob["provider_id"] == answer["MessageId"]
    assert (ada["provider"], ada["subject"], ada["body"]) == ("ses", "Hello", "One\nTwo")
    assert (ada["html_body"], ada["notification_id"]) == ("<p>One</p>", NOTIFICATION_ID)
    assert ada["id"].encode() in sandbox.log_file.read_bytes()


def test_sns_keeps_a_receipt_before_it_answers(sandbox: RunningSandbox, sns: Any) -> None:
    answer = publish(sns)
    [receipt] = sandbox.receipts(channel="sms")
    assert (receipt["provider"], receipt["to"], receipt["body"]) == ("sns", TO, "Grüße & more")
    assert (receipt["notification_id"], receipt["provider_id"]) == (NOTIFICATION_ID, answer["MessageId"])


@pytest.mark.parametrize("number", ["12345", "+0123456789", "+49151123456789012"])
def test_sns_refuses_what_is_no_number(sandbox: RunningSandbox, sns: Any, number: str) -> None:
    with pytest.raises(ClientError, match="InvalidParameter"):
        publish(sns, PhoneNumber=number)
    assert not sandbox.receipts()


@pytest.mark.parametrize(
    ("action", "value", "code", "status"),
    [
        ("status", "SendingPausedException", "SendingPausedException", 400),
        ("status", 429, "TooManyRequestsException", 429),
        ("retry_after_s", 9, "TooManyRequestsException", 429),
        ("status_after_accept", 503, "ServiceUnavailableException", 503),
        ("status", 418, "InternalServiceErrorException", 418),
    ],
)
def test_ses_fails_as_it_is_told(
    sandbox: RunningSandbox, ses: Any, action: str, value: object, code: str, status: int
) -> None:
    sandbox.fault("ses", action, value)
    with pytest.raises(ClientError) as caught:
        send_email(ses, "ada@example.org")
    assert caught.value.response["Error"]["Code"] == code
    metadata = caught.value.response["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == status
    assert metadata["HTTPHeaders"].get("retry-after") == ("9" if action == "retry_after_s" else None)
    assert len(sandbox.receipts()) == (1 if action == "status_after_accept" else 0)


@pytest.mark.parametrize(
    ("action", "value", "code"),
    [("status", "OptedOut", "OptedOut"), ("status", 429, "Throttled"), ("status_after_accept", 500, "InternalError")],
)
def test_sns_fails_as_it_is_told(sandbox: RunningSandbox, sns: Any, action: str, value: object, code: str) -> None:
    sandbox.fault("sns", action, value, match=TO[:5])
    with pytest.raises(ClientError) as caught:
        publish(sns)
    assert caught.value.response["Error"]["Code"] == code
    assert len(sandbox.receipts()) == (1 if action == "status_after_accept" else 0)


@pytest.mark.parametrize(
    ("sender", "taken"),
    [
        ("a@example.org", True),
        ("Ada <a@example.org>", True),
        ('"Byron, Ada" <a@example.org>', True),
        ("=?utf-8?q?J=C3=BCrgen?= <a@example.org>", True),
        ("Jürgen <a@example.org>", False),
        ("a@straße.de", False),
        ("Byron, Ada <a@example.org>", False),
        ("a@example.org, b@example.org", False),
        ("a", False),
    ],
)
def test_ses_takes_one_sender_in_ascii(ses: Any, sender: str, taken: bool) -> None:
    raw = {"Raw": {"Data": b"Subject: x\r\n\r\nx"}}
    context = contextlib.nullcontext() if taken else pytest.raises(ClientError, match="BadRequestException")
    with context:
        ses.send_email(FromEmailAddress=sender, Destination={"ToAddresses": ["a@b.example"]}, Content=raw)


@pytest.mark.parametrize("authorization", ["", "Basic a2V5", SIGNED.format(service="s3"), SIGNED[:-1]])
@pytest.mark.parametrize("path", ["/", "/v2/email/outbound-emails"])
def test_what_is_not_signed_for_the_service_is_refused(shared: RunningSandbox, path: str, authorization: str) -> None:
    answer = shared.api.post(path, headers={"Authorization": authorization})
    assert answer.status_code == 403
    assert "MissingAuthenticationToken" in answer.text + answer.headers.get("x-amzn-errortype", "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"Destination": {"ToAddresses": []}}',
        b'{"Destination": {"ToAddresses": [1]}}',
        b'{"Destination": {"ToAddresses": ["a@b"]}, "Content": {"Raw": {"Data": "!"}}, "FromEmailAddress": "a@b"}',
        b'{"Destination": {"ToAddresses": ["a@b"]}, "Content": {"Simple": {}}, "FromEmailAddress": "a@b"}',
        b"[" * 100_000,
    ],
)
def test_ses_refuses_what_is_no_email(shared: RunningSandbox, body: bytes) -> None:
    headers = {"Authorization": SIGNED.format(service="ses")}
    answer = shared.api.post("/v2/email/outbound-emails", content=body, headers=headers)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "BadRequestException")


def test_sns_knows_no_other_action(shared: RunningSandbox) -> None:
    headers = {"Authorization": SIGNED.format(service="sns")}
    answer = shared.api.post("/", data={"Action": "DeleteTopic"}, headers=headers)
    assert answer.status_code == 400
    assert "<Code>InvalidAction</Code>" in answer.text


def test_an_email_goes_to_its_envelopes_recipient(sandbox: RunningSandbox, ses: Any) -> None:
    send_email(ses, "someone-else@example.org")
    assert sandbox.receipts()[0]["to"] == "someone-else@example.org"
