"""The receiver of webhooks, which believes only what is signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from services.sandbox.config import SandboxSettings
from tests.sandbox.running import NOTIFICATION_ID, RunningSandbox, Start

KEY = b"a secret of 24 bytes ..."
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NOTIFICATION = {
    "notification_id": NOTIFICATION_ID,
    "attempt": 1,
    "channel": "SMS",
    "to": "+4915112345678",
    "subject": "",
    "body": "Grüße",
    "html_body": "",
}


def post(
    sandbox: RunningSandbox, *, key: bytes = KEY, age: float = 0, webhook_id: str = "n-1", **more: Any
) -> httpx.Response:
    body = json.dumps({**NOTIFICATION, **more}).encode()
    stamp = str(int(time.time() - age))
    digest = hmac.digest(key, f"{webhook_id}.{stamp}.".encode() + body, hashlib.sha256)
    signature = f"v1a,ignored v1,{base64.b64encode(digest).decode()}"
    headers = {"webhook-id": webhook_id, "webhook-timestamp": stamp, "webhook-signature": signature}
    return sandbox.api.post("/webhook", content=body, headers=headers)


@pytest.fixture
def receiver(start: Start) -> RunningSandbox:
    return start(sandbox_webhook_secret=SECRET)


def test_what_is_signed_is_kept_before_it_is_answered(receiver: RunningSandbox) -> None:
    assert post(receiver).status_code == 204
    [receipt] = receiver.receipts(channel="sms")
    assert (receipt["provider"], receipt["to"], receipt["body"]) == ("webhook", "+4915112345678", "Grüße")
    assert (receipt["notification_id"], receipt["provider_id"]) == (NOTIFICATION_ID, "n-1")
    assert receipt["id"].encode() in receiver.log_file.read_bytes()


def test_a_repetition_is_answered_alike_and_kept_once(receiver: RunningSandbox) -> None:
    assert [post(receiver, attempt=attempt).status_code for attempt in (1, 2, 3)] == [204] * 3
    assert post(receiver, webhook_id="n-2").status_code == 204
    assert [receipt["provider_id"] for receipt in receiver.receipts()] == ["n-1", "n-2"]


@pytest.mark.parametrize("wrong", [{"key": b"another"}, {"age": 301}, {"age": -301}, {"webhook_id": ""}])
def test_what_is_not_signed_now_with_the_secret_is_refused(receiver: RunningSandbox, wrong: dict[str, Any]) -> None:
    assert post(receiver, **wrong).status_code == 401
    assert not receiver.receipts()


@pytest.mark.parametrize("wrong", [{"channel": "FAX"}, {"to": 5}, {"body": None}])
def test_what_is_no_notification_is_refused(receiver: RunningSandbox, wrong: dict[str, Any]) -> None:
    assert post(receiver, **wrong).status_code == 400


def test_without_a_secret_the_form_of_a_signature_will_do(sandbox: RunningSandbox) -> None:
    assert post(sandbox, key=b"anything").status_code == 204
    assert sandbox.api.post("/webhook", json=NOTIFICATION).status_code == 401


def test_it_fails_as_it_is_told(receiver: RunningSandbox) -> None:
    receiver.fault("webhook", "retry_after_s", 7, times=1)
    assert post(receiver).headers["retry-after"] == "7"
    receiver.fault("webhook", "status_after_accept", 503, times=1)
    assert post(receiver).status_code == 503
    assert post(receiver).status_code == 204
    assert len(receiver.receipts()) == 1


@pytest.mark.parametrize("secret", ["plain", "whsec_!"])
def test_a_secret_that_is_none_is_refused_at_start(secret: str) -> None:
    with pytest.raises(ValidationError, match="whsec_"):
        SandboxSettings(sandbox_webhook_secret=secret)
