"""A device's token is what its kind has, and written in one way."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from pulse.common.v1.recipient_pb2 import DeviceToken
from services.gateway.rules.addresses import Addresses
from shared.channel.device_kinds import DeviceKind
from shared.errors import PulseError

P256DH = base64.urlsafe_b64encode(b"\x04" + bytes(range(64))).decode().rstrip("=")
AUTH = base64.urlsafe_b64encode(bytes(range(16))).decode().rstrip("=")
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/gAAAA"
APNS = "0123456789ABCDEF" * 4


def subscription(endpoint: Any = ENDPOINT, p256dh: Any = P256DH, auth: Any = AUTH, **more: Any) -> str:
    return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": {"p256dh": p256dh, "auth": auth}, **more})


def kept(kind: DeviceKind, token: str, **settings: Any) -> str:
    return Addresses(**settings).device(kind, token, "device_token.token")


def refused(kind: DeviceKind, token: str) -> str:
    with pytest.raises(PulseError) as error:
        kept(kind, token)
    assert [one.field for one in error.value.violations] == ["device_token.token"]
    assert token not in str(error.value)
    return error.value.reason


def test_every_kind_of_the_contract_is_known() -> None:
    assert {kind.value for kind in DeviceKind} == {*DeviceToken.Kind.keys()} - {"KIND_UNSPECIFIED"}


def test_a_token_of_fcm_is_kept_as_it_is() -> None:
    assert kept(DeviceKind.FCM, "cX:APA91b-x_Y") == "cX:APA91b-x_Y"


@pytest.mark.parametrize("token", ["", "two words", "a\nb", "x" * 4097, "größe"])
def test_what_is_no_token_of_fcm_is_refused(token: str) -> None:
    with pytest.raises(PulseError):
        kept(DeviceKind.FCM, token)


@pytest.mark.parametrize("token", [APNS, APNS.lower(), "ab" * 32, "ab" * 100])
def test_a_token_of_apns_is_written_in_one_way(token: str) -> None:
    assert kept(DeviceKind.APNS, token) == token.lower()


@pytest.mark.parametrize(
    "token",
    [
        "ab" * 31,
        "ab" * 101,
        "ab" * 32 + "a",
        "xy" * 32,
        "<" + "ab" * 32 + ">",
        "ab " * 32,
        "ab" * 32 + "\n",
        "cX:APA91b",
    ],
)
def test_what_is_no_token_of_apns_is_refused(token: str) -> None:
    assert refused(DeviceKind.APNS, token) == "DEVICE_TOKEN_INVALID"


@pytest.mark.parametrize(
    "text",
    [
        subscription(),
        json.dumps(json.loads(subscription()), indent=2),
        subscription(p256dh=P256DH + "=", auth=AUTH + "=="),
        subscription(p256dh=P256DH.replace("-", "+").replace("_", "/")),
        subscription(options={"userVisibleOnly": True}),
    ],
)
def test_a_subscription_is_written_in_one_way(text: str) -> None:
    written = {"endpoint": ENDPOINT, "keys": {"p256dh": P256DH, "auth": AUTH}}
    assert kept(DeviceKind.WEB_PUSH, text) == json.dumps(written, separators=(",", ":"))


@pytest.mark.parametrize(
    "text",
    [
        *("{}", "[]", "null", "not json", "[" * 5000, '"https://push.example"', "x" * 4097),
        *(json.dumps({"endpoint": ENDPOINT}), json.dumps({"endpoint": ENDPOINT, "keys": []})),
        *(subscription(endpoint=one) for one in (None, "", 7, "ftp://a.example", "https://", "//a.example/x")),
        *(
            subscription(endpoint=one)
            for one in ("https://user:pw@a.example/x", "https://a.example/x#y", "https://a b")
        ),
        *(subscription(endpoint=one) for one in ("http://push.example/x", "https://127.0.0.1/x", "https://10.0.0.1/")),
        *(subscription(endpoint=one) for one in ("https://localhost/x", "https://[::1]/x", "https://169.254.169.254/")),
        *(subscription(p256dh=one) for one in (None, "", "AAAA", P256DH[:-4], "!" * 87, "C" + P256DH[1:])),
        *(subscription(auth=one) for one in (None, "", "AAAA", AUTH + AUTH, "!" * 22)),
        subscription(endpoint=ENDPOINT + "x" * 4096),
    ],
)
def test_what_is_no_subscription_is_refused(text: str) -> None:
    assert refused(DeviceKind.WEB_PUSH, text) == "DEVICE_TOKEN_INVALID"


def test_a_look_alike_may_be_subscribed_to_while_developing() -> None:
    at_home = subscription(endpoint="http://127.0.0.1:8025/webpush/ada")
    assert json.loads(kept(DeviceKind.WEB_PUSH, at_home, local_subscriptions=True))["endpoint"].startswith("http://127")
