"""The sandbox's push service of browsers: what another library sends, and refusals by the standards."""

from __future__ import annotations

import json
import time
from typing import Any

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid
from pywebpush import WebPushException, webpush

from services.delivery.providers.base.es256 import base64url
from services.sandbox.http.signed_token import decoded
from services.sandbox.providers.webpush.browser import Browser
from tests.sandbox.running import NOTIFICATION_ID, RunningSandbox

MESSAGE = {"notification": {"title": "Hello", "body": "Hi there."}, "data": {"notification_id": NOTIFICATION_ID}}


@pytest.fixture(scope="module")
def vapid() -> Vapid:
    made = Vapid()
    made.generate_keys()
    return made


def public(vapid: Vapid) -> str:
    numbers = vapid.public_key.public_numbers()
    return base64url(b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))


def subscription(sandbox: RunningSandbox, name: str = "ada", **query: str) -> dict[str, Any]:
    answer = sandbox.api.get(f"/webpush/subscriptions/{name}", params=query)
    assert answer.status_code == 200
    return answer.json()


def test_what_another_library_sends_is_read_and_kept(sandbox: RunningSandbox, vapid: Vapid) -> None:
    to = subscription(sandbox, key=public(vapid))
    headers = {"Urgency": "low", "Topic": "news"}
    answer = webpush(to, json.dumps(MESSAGE), vapid, {"sub": "mailto:a@example.org"}, ttl=60, headers=headers)
    assert answer.status_code == 201
    [receipt] = sandbox.receipts()
    assert answer.headers["location"].endswith(f"/{receipt['provider_id']}")
    assert [receipt[name] for name in ("channel", "provider", "to", "subject", "body", "notification_id")] == [
        "push", "webpush", to["endpoint"], "Hello", "Hi there.", NOTIFICATION_ID,
    ]  # fmt: skip
    asked = receipt["request"]
    assert asked["message"] == MESSAGE
    assert asked["headers"]["ttl"] == "60"
    assert (asked["headers"]["urgency"], asked["headers"]["topic"]) == ("low", "news")
    assert (asked["vapid"]["key"], asked["vapid"]["sub"]) == (public(vapid), "mailto:a@example.org")


def test_text_that_is_no_json_is_kept_as_it_is(sandbox: RunningSandbox, vapid: Vapid) -> None:
    webpush(subscription(sandbox), "hello", vapid, {"sub": "mailto:a@example.org"}, ttl=0)
    [receipt] = sandbox.receipts()
    assert receipt["request"]["message"] == "hello"


def refused(to: dict[str, Any], vapid: Vapid, **more: Any) -> int:
    with pytest.raises(WebPushException) as caught:
        webpush(to, "hello", vapid, more.pop("claims", {"sub": "mailto:a@example.org"}), **more)
    assert caught.value.response is not None
    return caught.value.response.status_code


def test_another_library_is_refused_as_by_real_services(sandbox: RunningSandbox, vapid: Vapid) -> None:
    other = Vapid()
    other.generate_keys()
    assert refused(subscription(sandbox, "unregistered-1"), vapid, ttl=1) == 410
    assert refused(subscription(sandbox, key=public(other)), vapid, ttl=1) == 403
    assert refused(subscription(sandbox), vapid, claims={"sub": "mailto:a@b.c", "aud": "https://other.example"}) == 403
    assert refused({**subscription(sandbox), "keys": subscription(sandbox, "bob")["keys"]}, vapid) == 400
    assert refused(subscription(sandbox), vapid, content_encoding="aesgcm") == 400
    assert sandbox.receipts() == []


def request(shared: RunningSandbox, **more: Any) -> tuple[bytes, dict[str, str]]:
    """Body and headers that would be taken; ``more`` are claims, and headers by their names."""
    key = more.pop("signed_by", ec.generate_private_key(ec.SECP256R1()))
    numbers = more.pop("shown", key).public_key().public_numbers()
    shown = base64url(b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))
    claims = {"aud": shared.url, "exp": int(time.time()) + 3600, "sub": "mailto:a@example.org"}
    claims |= {name: more.pop(name) for name in list(claims) if name in more}
    keys = Browser("ada").subscription("")["keys"]
    body = http_ece.encrypt(
        b"hello",
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=decoded(keys["p256dh"]),
        auth_secret=decoded(keys["auth"]),
        version="aes128gcm",
    )
    headers = {
        "Authorization": f"vapid t={jwt.encode(claims, key, 'ES256')}, k={shown}",
        "TTL": "60",
        "Content-Encoding": "aes128gcm",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return body, {name: value for name, value in headers.items() if value}


def test_what_the_standards_ask_for_is_taken(shared: RunningSandbox) -> None:
    body, headers = request(shared)
    answer = shared.api.post("/webpush/ada", content=body, headers=headers)
    assert (answer.status_code, answer.headers["ttl"]) == (201, "60")


OTHER = ec.generate_private_key(ec.SECP256R1())
REFUSALS: dict[str, tuple[dict[str, Any], int]] = {
    "nobody": ({"Authorization": ""}, 401),
    "another scheme": ({"Authorization": "Bearer abc"}, 403),
    "no key": ({"Authorization": "vapid t=a.b.c"}, 403),
    "no token": ({"Authorization": "vapid t=abc, k=abc"}, 403),
    "another's key": ({"shown": OTHER}, 403),
    "for another service": ({"aud": "https://other.example"}, 403),
    "over": ({"exp": int(time.time()) - 5}, 403),
    "for days": ({"exp": int(time.time()) + 3 * 86_400}, 403),
    "an end that is text": ({"exp": "tomorrow"}, 403),
    "nobody to ask": ({"sub": "me"}, 403),
    "no TTL": ({"TTL": ""}, 400),
    "a TTL that is none": ({"TTL": "-1"}, 400),
    "not encrypted": ({"Content_Encoding": ""}, 400),
    "an urgency that is none": ({"Urgency": "urgent"}, 400),
    "a long topic": ({"Topic": "x" * 33}, 400),
    "a topic of other signs": ({"Topic": "a b"}, 400),
}


@pytest.mark.parametrize(("given", "status"), REFUSALS.values(), ids=REFUSALS)
def test_what_the_standards_do_not_allow_is_refused(shared: RunningSandbox, given: dict[str, Any], status: int) -> None:
    body, headers = request(shared, **given)
    assert shared.api.post("/webpush/ada", content=body, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda body: b"", 400),
        (lambda body: body[:-1], 400),
        (lambda body: b"x" * 200, 400),
        (lambda body: body + b"x" * 4096, 413),
    ],
)
def test_a_body_that_no_browser_could_read_is_refused(shared: RunningSandbox, change: Any, status: int) -> None:
    body, headers = request(shared)
    assert shared.api.post("/webpush/ada", content=change(body), headers=headers).status_code == status


def test_a_browser_reads_the_standard_s_own_example() -> None:
    """RFC 8291, section 5 and appendix A."""
    browser = Browser("any")
    private = int.from_bytes(decoded("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big")
    browser._key = ec.derive_private_key(private, ec.SECP256R1())
    browser._auth = decoded("BTBZMqHH6r4Tts7J_aSIgg")
    body = decoded(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
        "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert browser.read(body) == b"When I grow up, I want to be a watermelon"
