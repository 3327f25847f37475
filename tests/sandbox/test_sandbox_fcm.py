"""FCM as firebase-admin sees it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import firebase_admin
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from firebase_admin import credentials, exceptions, messaging

from tests.sandbox.running import NOTIFICATION_ID, RunningSandbox

PROJECT = "pulse-test"
DEVICE = "device-token:APA91b"


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


Connect = Callable[..., firebase_admin.App]


@pytest.fixture
def connect(sandbox: RunningSandbox, private_key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    monkeypatch.setattr(messaging._MessagingService, "FCM_URL", sandbox.url + "/v1/projects/{0}/messages:send")
    apps: list[firebase_admin.App] = []

    def begin(timeout: float = 5) -> firebase_admin.App:
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key": private_key,
            "client_email": "pulse@pulse-test.example",
            "token_uri": f"{sandbox.url}/token",
        }
        app = firebase_admin.initialize_app(
            credentials.Certificate(account), {"httpTimeout": timeout}, name=f"sandbox-{len(apps)}"
        )
        # The SDK tries again by itself, for seconds; one call is what is looked at here.
        session = messaging._get_messaging_service(app)._client.session
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=0))
        apps.append(app)
        return app

    yield begin
    for app in apps:
        firebase_admin.delete_app(app)


def push(**given: Any) -> messaging.Message:
    values: dict[str, Any] = {
        "fid": DEVICE,
        "notification": messaging.Notification(title="Alert", body="Disk is full"),
        "data": {"notification_id": NOTIFICATION_ID},
    }
    return messaging.Message(**{**values, **given})


def test_a_push_is_accepted_after_a_token_exchange_and_kept(sandbox: RunningSandbox, connect: Connect) -> None:
    name = messaging.send(push(), app=connect())
    assert name.startswith(f"projects/{PROJECT}/messages/")
    (receipt,) = sandbox.receipts(channel="push")
    assert (receipt["provider"], receipt["to"]) == ("fcm", DEVICE)
    assert (receipt["subject"], receipt["body"]) == ("Alert", "Disk is full")
    assert (receipt["notification_id"], receipt["provider_id"]) == (NOTIFICATION_ID, name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_older_device_token_is_a_recipient_too(sandbox: RunningSandbox, connect: Connect) -> None:
    messaging.send(push(fid=None, token="older-token"), app=connect())
    messaging.send(push(fid=None, topic="news"), app=connect())
    assert [receipt["to"] for receipt in sandbox.receipts()] == ["older-token", "/topics/news"]


def test_a_dry_run_leaves_no_receipt(sandbox: RunningSandbox, connect: Connect) -> None:
    assert messaging.send(push(), dry_run=True, app=connect())
    assert sandbox.receipts() == []


def test_a_removed_app_is_unregistered(sandbox: RunningSandbox, connect: Connect) -> None:
    with pytest.raises(messaging.UnregisteredError):
        messaging.send(push(fid="unregistered-1"), app=connect())
    assert sandbox.receipts() == []


@pytest.mark.parametrize(
    "given",
    [{"fid": "with space"}, {"data": {"text": "x" * 4100}}, {"notification": messaging.Notification(body="é" * 2100)}],
)
def test_a_push_that_fcm_would_not_take_is_an_invalid_argument(
    sandbox: RunningSandbox, connect: Connect, given: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.InvalidArgumentError):
        messaging.send(push(**given), app=connect())
    assert sandbox.receipts() == []


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("UNREGISTERED", messaging.UnregisteredError),
        (404, messaging.UnregisteredError),
        ("QUOTA_EXCEEDED", messaging.QuotaExceededError),
        ("SENDER_ID_MISMATCH", messaging.SenderIdMismatchError),
        ("THIRD_PARTY_AUTH_ERROR", messaging.ThirdPartyAuthError),
        ("INVALID_ARGUMENT", exceptions.InvalidArgumentError),
        ("UNAVAILABLE", exceptions.UnavailableError),
        (503, exceptions.UnavailableError),
        (500, exceptions.InternalError),
    ],
)
def test_an_error_arrives_as_the_sdks_own_exception(
    sandbox: RunningSandbox, connect: Connect, value: int | str, kind: type[Exception]
) -> None:
    app = connect()
    sandbox.fault("fcm", "status", value, match=DEVICE)
    with pytest.raises(kind):
        messaging.send(push(), app=app)
    assert sandbox.receipts() == []


def test_retry_after_is_a_429_with_the_header(sandbox: RunningSandbox, connect: Connect) -> None:
    app = connect()
    sandbox.fault("fcm", "retry_after_s", 9)
    with pytest.raises(messaging.QuotaExceededError) as refused:
        messaging.send(push(), app=app)
    assert refused.value.http_response.headers["Retry-After"] == "9"


def test_a_status_after_accept_leaves_a_receipt(sandbox: RunningSandbox, connect: Connect) -> None:
    app = connect()
    sandbox.fault("fcm", "status_after_accept", "UNAVAILABLE")
    with pytest.raises(exceptions.UnavailableError):
        messaging.send(push(), app=app)
    assert len(sandbox.receipts()) == 1


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("reset", exceptions.UnavailableError),
        ("garbage", exceptions.UnavailableError),
        ("hang", exceptions.DeadlineExceededError),
    ],
)
def test_a_broken_answer_leaves_no_receipt(
    sandbox: RunningSandbox, connect: Connect, action: str, error: type[Exception]
) -> None:
    app = connect(timeout=0.5)
    sandbox.fault("fcm", action, 30 if action == "hang" else None)
    with pytest.raises(error):
        messaging.send(push(), app=app)
    assert sandbox.receipts() == []


def test_a_delay_holds_the_answer_up(sandbox: RunningSandbox, connect: Connect) -> None:
    app = connect()
    sandbox.fault("fcm", "delay_ms", 50, times=1)
    assert messaging.send(push(), app=app)


# Bad input, past what the SDK would send


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "x.y"}, "invalid_grant"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "x.!.z"}, "invalid_grant"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "x.e30.z"}, "invalid_grant"),
        # {"iss":"a","exp":1}: over since 1970
        (
            {
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "assertion": "x.eyJpc3MiOiJhIiwiZXhwIjoxfQ.z",
            },
            "invalid_grant",
        ),
    ],
)
def test_the_token_endpoint_refuses_what_google_would(shared: RunningSandbox, form: dict[str, str], error: str) -> None:
    answer = shared.api.post("/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Bearer ya29.99999999999.ab.0000", "Bearer é"])
def test_a_made_up_access_token_is_unauthenticated(shared: RunningSandbox, header: str) -> None:
    url = f"/v1/projects/{PROJECT}/messages:send"
    answer = shared.api.post(url, json={"message": {"token": "x"}}, headers={"Authorization": header.encode()})
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"message": 1}',
        b'{"message": {}}',
        b'{"message": {"token": 5}}',
        b'{"message": {"token": ""}}',
        b'{"message": {"token": "a", "topic": "b"}}',
        b'{"message": {"token": "a", "data": {"n": 1}}}',
        b'{"message": {"token": "a", "notification": {"body": null}}}',
        b"[" * 50_000,
    ],
)
def test_a_body_that_is_no_push_is_an_invalid_argument(sandbox: RunningSandbox, connect: Connect, body: bytes) -> None:
    credential = connect().credential.get_access_token().access_token
    url = f"/v1/projects/{PROJECT}/messages:send"
    answer = sandbox.api.post(url, content=body, headers={"Authorization": f"Bearer {credential}"})
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT"), json.dumps(answer.text)
    assert sandbox.receipts() == []
