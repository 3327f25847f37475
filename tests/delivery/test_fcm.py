"""Push through the sandbox's FCM, with the real SDK and its token exchange."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Iterator
from typing import Any

import firebase_admin
import pytest
from firebase_admin import _http_client, messaging

from proof.waiting import wait_until
from services.delivery.config import DeliverySettings
from services.delivery.providers.base.http_opening import Place
from services.delivery.providers.fcm import fcm_errors
from services.delivery.providers.fcm.provider import FcmProvider
from services.delivery.providers.fcm.push_message import push_message
from services.delivery.rules.provider import OutcomeKind, Rejection
from shared.clock import SystemClock
from shared.text.channel_bounds import LARGEST_PUSH, push_bytes, push_payload
from tests.delivery.conftest import Sandbox
from tests.delivery.in_a_loop import InALoop, requests_of
from tests.delivery.outgoing import outgoing, within
from tests.support.dripping import dripping

TO = "device:token-1"


def provider(base_url: str, **settings: Any) -> InALoop:
    return InALoop(FcmProvider.from_settings(DeliverySettings(fcm_base_url=base_url, **settings), SystemClock()))


@pytest.fixture(scope="module")
def shared_provider(sandbox_process: Sandbox) -> Iterator[InALoop]:
    made = provider(sandbox_process.http)
    yield made
    made.close()


@pytest.fixture
def fcm(shared_provider: InALoop, sandbox: Sandbox) -> InALoop:
    return shared_provider


def test_a_push_arrives_as_it_was_given(fcm: InALoop, sandbox: Sandbox) -> None:
    given = outgoing(TO, body="Grüße 🎉")
    outcome = fcm.send(given, within())
    [receipt] = sandbox.receipts()
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert outcome.provider_message_id.startswith("projects/pulse-local/messages/")
    assert (receipt["to"], receipt["subject"], receipt["body"]) == (TO, "Hello", "Grüße 🎉")
    assert receipt["notification_id"] == given.notification_id


@pytest.mark.parametrize(
    ("action", "value", "kind", "code"),
    [
        ("status", "UNREGISTERED", OutcomeKind.PERMANENT_FAILURE, "UNREGISTERED"),
        ("status", "SENDER_ID_MISMATCH", OutcomeKind.PERMANENT_FAILURE, "SENDER_ID_MISMATCH"),
        ("status", "INVALID_ARGUMENT", OutcomeKind.PERMANENT_FAILURE, "INVALID_ARGUMENT"),
        ("status", "QUOTA_EXCEEDED", OutcomeKind.TRANSIENT_FAILURE, "QUOTA_EXCEEDED"),
        ("status", "THIRD_PARTY_AUTH_ERROR", OutcomeKind.TRANSIENT_FAILURE, "THIRD_PARTY_AUTH_ERROR"),
        ("status", "INTERNAL", OutcomeKind.UNANSWERED, "INTERNAL"),
        ("status", "UNAVAILABLE", OutcomeKind.UNANSWERED, "UNAVAILABLE"),
        ("status_after_accept", 500, OutcomeKind.UNANSWERED, "INTERNAL"),
    ],
)
def test_a_fault_has_its_outcome_and_is_met_once(
    fcm: InALoop, sandbox: Sandbox, action: str, value: object, kind: OutcomeKind, code: str
) -> None:
    fcm.send(outgoing(TO), within())
    sandbox.fault("fcm", action, value)
    outcome = fcm.send(outgoing(TO), within())
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.retry_after is None
    [fault] = sandbox.call("GET", "/api/faults")
    posts = 3 if value == "THIRD_PARTY_AUTH_ERROR" else 1  # a 401 is met with fresh access tokens: nothing was sent
    assert fault["used"] == posts


def test_a_push_over_4_kib_is_refused_without_a_call(fcm: InALoop, sandbox: Sandbox) -> None:
    outcome = fcm.send(outgoing(TO, body="é" * 2100), within())
    assert (outcome.kind, outcome.code) == (OutcomeKind.PERMANENT_FAILURE, "PAYLOAD_TOO_LARGE")
    assert fcm.send(outgoing(TO, body="é" * 1900), within()).kind is OutcomeKind.SUCCEEDED


@pytest.mark.parametrize("sign", ["x", '"', "\n", "\x01", "é", "\U0001f600"])
@pytest.mark.parametrize("title", ["Hello", ""])
def test_the_largest_push_that_is_counted_as_one_is_taken(fcm: InALoop, sign: str, title: str) -> None:
    def room(body: str) -> int:
        return LARGEST_PUSH - push_bytes(push_payload("0" * 36, title, body))

    most = sign * (room("") // (room("") - room(sign)))
    assert fcm.send(outgoing(TO, subject=title, body=most + "x" * room(most)), within()).kind is OutcomeKind.SUCCEEDED
    assert fcm.send(outgoing(TO, subject=title, body=most + sign), within()).code == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("to", ["unregistered-1", "not a token", ""])
def test_a_token_that_is_none_is_a_permanent_failure(fcm: InALoop, to: str) -> None:
    assert fcm.send(outgoing(to), within()).kind is OutcomeKind.PERMANENT_FAILURE


def test_connections_are_kept(fcm: InALoop, sandbox: Sandbox) -> None:
    fcm.send(outgoing(TO), within())
    before = fcm.connections
    for _ in range(5):
        fcm.send(outgoing(TO), within())
    assert fcm.connections == before


def test_only_the_address_that_was_given_is_called(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """google-auth looks a service account's regions up at googleapis.com, in a thread, unless it acts for a subject."""
    made = provider(sandbox.http)
    assert made.send(outgoing(TO), within()).kind is OutcomeKind.SUCCEEDED
    assert made.provider._app.credential.get_credential()._build_regional_access_boundary_lookup_url() is None
    made.close()
    assert "googleapis" not in caplog.text


def test_a_push_is_the_request_that_the_sdk_would_make(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK offers neither encoding nor errors by public names: those used are held here, and by every refusal."""
    asked = requests_of(monkeypatch)
    made = provider(sandbox.http, fcm_project_id="p1")
    given = outgoing(TO, body="Grüße 🎉")
    assert made.send(given, within()).kind is OutcomeKind.SUCCEEDED
    head, _, body = asked[-1].decode("ascii").partition("\r\n\r\n")
    made.close()
    sent: list[tuple[str, str, dict[str, str], object]] = []

    def post(_: object, method: str, url: str, headers: dict[str, str], json: object) -> dict[str, str]:
        sent.append((method, url, headers, json))
        return {"name": "n"}

    monkeypatch.setattr(_http_client.JsonHttpClient, "body", post)
    push = push_message(given)
    app = firebase_admin.initialize_app(made.provider._app.credential, {"projectId": "p1"}, name="the SDK alone")
    messaging.send(push, app=app)
    firebase_admin.delete_app(app)
    [(method, url, headers, encoded)] = sent
    path = url.removeprefix("https://fcm.googleapis.com")
    assert head.startswith(f"{method.upper()} {path} HTTP/1.1\r\n")
    assert json.loads(body) == encoded
    assert {f"{name}: {value}" for name, value in headers.items()} <= set(head.split("\r\n"))


def test_by_default_pushes_go_to_google() -> None:
    settings = DeliverySettings(fcm_base_url="https://fcm.googleapis.com", fcm_project_id="p1")
    made = FcmProvider.from_settings(settings, SystemClock())
    assert made._http._route.server == Place("fcm.googleapis.com", 443, tls=True)
    assert made._target == "/v1/projects/p1/messages:send"
    assert made._http._tls is not None
    assert made._http._tls.verify_mode is ssl.CERT_REQUIRED
    assert made._http._tls.check_hostname


def answer(message: str = "The request is not valid.", *fields: str) -> dict[str, Any]:
    """Google's error JSON."""
    violations = [{"field": field, "description": "Invalid value"} for field in fields]
    details: list[dict[str, Any]] = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError"}]
    details += [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}] * bool(fields)
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": details}}


@pytest.mark.parametrize(
    ("status", "code", "said", "rejection"),
    [
        (404, "UNREGISTERED", answer(), Rejection.GONE),
        (403, "SENDER_ID_MISMATCH", answer(), Rejection.REFUSED),
        (404, "NOT_FOUND", answer(), Rejection.REFUSED),
        (400, "INVALID_ARGUMENT", answer(), Rejection.REFUSED),
        (400, "INVALID_ARGUMENT", answer("Invalid registration", "message.token"), Rejection.GONE),
        (400, "INVALID_ARGUMENT", answer("Bad", "message.token", "message.data"), Rejection.GONE),
        (
            400,
            "INVALID_ARGUMENT",
            answer("The registration token is not a valid FCM registration token"),
            Rejection.GONE,
        ),
        (400, "INVALID_ARGUMENT", answer("Bad", "message.data[0].value"), None),
        (400, "INVALID_ARGUMENT", answer("Bad", "message.android.ttl"), None),
        (400, "INVALID_ARGUMENT", None, Rejection.REFUSED),
        (400, "INVALID_ARGUMENT", [], Rejection.REFUSED),
        (400, "INVALID_ARGUMENT", {"error": "text"}, Rejection.REFUSED),
        (400, "INVALID_ARGUMENT", {"error": {"message": 7, "details": [0, {"fieldViolations": 3}]}}, Rejection.REFUSED),
        (413, "OUT_OF_RANGE", answer(), None),
        (401, "THIRD_PARTY_AUTH_ERROR", answer(), None),
        (429, "QUOTA_EXCEEDED", answer(), None),
    ],
)  # fmt: skip
def test_what_a_refusal_says_of_the_device(status: int, code: str, said: Any, rejection: Rejection | None) -> None:
    assert fcm_errors.classify(status, code, None, said).rejection is rejection


@pytest.mark.parametrize(
    ("to", "rejection"), [("not/a/token", Rejection.GONE), ("unregistered-1", Rejection.GONE), (TO, None)]
)
def test_a_token_that_is_none_is_told_from_a_push_that_is_wrong(
    fcm: InALoop, sandbox: Sandbox, to: str, rejection: Rejection | None
) -> None:
    assert fcm.send(outgoing(to), within()).rejection is rejection


def test_no_thread_that_fetches_a_token_outlives_its_call() -> None:
    """A process could not end while it waits. google-auth tries again by itself, after a second and more."""
    with dripping(lambda peer: (peer.hear_request(), peer.say(b"HTTP/1.1 503 No", b"Content-Length: 0", b""))) as port:
        made = provider(f"http://127.0.0.1:{port}")
        assert made.send(outgoing(TO), within(0.3)).kind is OutcomeKind.TRANSIENT_FAILURE
        made.close()
    fetching = [thread for thread in threading.enumerate() if thread.name.startswith("asyncio_")]
    wait_until(lambda: not any(_is_busy(thread) for thread in fetching))


def _is_busy(thread: threading.Thread) -> bool:
    """Whether a thread of a pool is at work, rather than waiting for some."""
    frame = sys._current_frames().get(thread.ident or 0)
    names = set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return "_ask" in names
