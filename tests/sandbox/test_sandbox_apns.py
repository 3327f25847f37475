"""The sandbox's APNs: HTTP/2 as any client speaks it, and refusals as Apple words them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from services.delivery.providers.base.es256 import known_key
from services.sandbox.config import SandboxSettings
from services.sandbox.providers.apns.provider_token import known_key as known_to_sandbox
from tests.sandbox.running import NOTIFICATION_ID, RunningSandbox

TO = "0123456789abcdef" * 4
PUSH = {"aps": {"alert": {"title": "Hello", "body": "Hi there."}}, "notification_id": NOTIFICATION_ID, "order": "7"}
HEADERS = {"apns-topic": "com.example.app", "apns-push-type": "alert"}


def token(**more: Any) -> str:
    """One as another library makes it."""
    claims = {"iss": "SANDBOXTEA", "iat": int(time.time()), **more}
    return jwt.encode(claims, known_key("pulse-sandbox-apns"), algorithm="ES256", headers={"kid": "SANDBOXKEY"})


@pytest.fixture(scope="module")
def client(shared: RunningSandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared.url, http1=False, http2=True, trust_env=False) as made:
        yield made


def post(client: httpx.Client, to: str = TO, push: Any = PUSH, **headers: str) -> httpx.Response:
    told = {**HEADERS, "authorization": f"bearer {token()}"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = push if isinstance(push, bytes) else json.dumps(push).encode()
    return client.post(f"/3/device/{to}", content=content, headers={name: one for name, one in told.items() if one})


def test_a_push_is_kept_with_all_that_was_asked(sandbox: RunningSandbox) -> None:
    with httpx.Client(base_url=sandbox.url, http1=False, http2=True, trust_env=False) as client:
        answer = post(client, apns_priority="5", apns_collapse_id="a b")
    assert (answer.http_version, answer.status_code, answer.content) == ("HTTP/2", 200, b"")
    [receipt] = sandbox.receipts()
    assert receipt["provider_id"] == answer.headers["apns-id"]
    assert [receipt[name] for name in ("channel", "provider", "to", "subject", "body", "notification_id")] == [
        "push", "apns", TO, "Hello", "Hi there.", NOTIFICATION_ID,
    ]  # fmt: skip
    assert receipt["data"] == {"notification_id": NOTIFICATION_ID, "order": "7"}
    assert receipt["request"] == {
        "headers": {**HEADERS, "apns-priority": "5", "apns-collapse-id": "a b"},
        "payload": PUSH,
    }


def test_many_go_over_one_connection(sandbox: RunningSandbox) -> None:
    with httpx.Client(base_url=sandbox.url, http1=False, http2=True, trust_env=False) as client:
        assert {post(client).status_code for _ in range(20)} == {200}
    assert len(sandbox.receipts()) == 20


def test_all_else_of_the_sandbox_is_there_by_http_2_too(client: httpx.Client, shared: RunningSandbox) -> None:
    assert client.get("/healthz").json() == shared.api.get("/healthz").json()
    assert client.get("/inbox.js").text == shared.api.get("/inbox.js").text
    assert client.get("/api/receipts?limit=0").status_code == 400


def test_apple_speaks_no_http_1(shared: RunningSandbox) -> None:
    assert post(shared.api).status_code == 505


def test_the_key_that_everybody_knows_is_the_same_on_both_sides() -> None:
    assert known_key("pulse-sandbox-apns").public_key() == known_to_sandbox()


BAD_TOKENS = {
    "none": ("", "MissingProviderToken"),
    "another scheme": ("basic abc", "MissingProviderToken"),
    "no token": ("bearer abc", "InvalidProviderToken"),
    "four parts": ("bearer a.b.c.d", "InvalidProviderToken"),
    "no JSON": ("bearer YQ.YQ.YQ", "InvalidProviderToken"),
    "another key": (
        "bearer " + jwt.encode({"iss": "T" * 10, "iat": int(time.time())}, known_key("x"), "ES256", {"kid": "K" * 10}),
        "InvalidProviderToken",
    ),
    "no signature": (
        "bearer " + jwt.encode({"iss": "T" * 10, "iat": int(time.time())}, None, "none", {"kid": "K" * 10}),
        "InvalidProviderToken",
    ),
    "no team": (f"bearer {token(iss='me')}", "InvalidProviderToken"),
    "no time": (f"bearer {token(iat='now')}", "InvalidProviderToken"),
    "too old": (f"bearer {token(iat=int(time.time()) - 3700)}", "ExpiredProviderToken"),
    "of the future": (f"bearer {token(iat=int(time.time()) + 3700)}", "ExpiredProviderToken"),
}


@pytest.mark.parametrize(("given", "reason"), BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_who_does_not_show_who_he_is_is_refused(client: httpx.Client, given: str, reason: str) -> None:
    answer = post(client, authorization=given)
    assert (answer.status_code, answer.json()["reason"]) == (403, reason)


def tampered() -> str:
    head, _, signature = token().split(".")
    claims = base64.urlsafe_b64encode(json.dumps({"iss": "OTHERTEAM1", "iat": int(time.time())}).encode())
    return f"{head}.{claims.rstrip(b'=').decode()}.{signature}"


def test_a_token_that_was_changed_is_none(client: httpx.Client) -> None:
    assert post(client, authorization=f"bearer {tampered()}").json() == {"reason": "InvalidProviderToken"}


REFUSALS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no device": ({"to": ""}, 400, "MissingDeviceToken"),
    "no token": ({"to": "abc"}, 400, "BadDeviceToken"),
    "a path": ({"to": f"{TO}/x"}, 400, "BadDeviceToken"),
    "removed": ({"to": "dead" + TO[4:]}, 410, "Unregistered"),
    "ended": ({"to": "DEA1" + TO[4:]}, 410, "ExpiredToken"),
    "no topic": ({"apns_topic": ""}, 400, "MissingTopic"),
    "a bad topic": ({"apns_topic": "a/b"}, 400, "BadTopic"),
    "no type": ({"apns_push_type": ""}, 400, "InvalidPushType"),
    "another type": ({"apns_push_type": "loud"}, 400, "InvalidPushType"),
    "priority 7": ({"apns_priority": "7"}, 400, "BadPriority"),
    "background and urgent": ({"apns_push_type": "background", "apns_priority": "10"}, 400, "BadPriority"),
    "background without a priority": ({"apns_push_type": "background"}, 400, "BadPriority"),
    "a date": ({"apns_expiration": "tomorrow"}, 400, "BadExpirationDate"),
    "a long collapse id": ({"apns_collapse_id": "x" * 65}, 400, "BadCollapseId"),
    "an id that is none": ({"apns_id": "7"}, 400, "BadMessageId"),
    "nothing": ({"push": b""}, 400, "PayloadEmpty"),
    "no aps": ({"push": {"order": "7"}}, 400, "PayloadEmpty"),
    "no JSON": ({"push": b"[" * 2000}, 400, "PayloadEmpty"),
    "4,097 bytes": ({"push": b"x" * 4097}, 413, "PayloadTooLarge"),
}


@pytest.mark.parametrize(("given", "status", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_what_apple_would_not_take_is_refused(
    client: httpx.Client, given: dict[str, Any], status: int, reason: str
) -> None:
    answer = post(client, **given)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert ("timestamp" in answer.json()) == (status == 410)


def test_a_key_file_that_is_none_stops_the_start(tmp_path: Any) -> None:
    (tmp_path / "key").write_text("no key")
    for file in ("key", "missing"):
        with pytest.raises(ValueError, match="PULSE_SANDBOX_APNS_KEY_FILE"):
            SandboxSettings(sandbox_apns_key_file=str(tmp_path / file))
