"""Push by APNs, against its look-alike, which keeps the whole request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from services.delivery.config import DeliverySettings
from services.delivery.providers.apns.payload import payload
from services.delivery.providers.apns.provider import ApnsProvider
from services.delivery.providers.apns.provider_token import SOONEST_ANEW, USED_FOR, ProviderToken
from services.delivery.providers.base.es256 import known_key
from services.delivery.rules.provider import Cause, OutcomeKind, Rejection
from services.sandbox.providers.apns.apns_errors import STATUSES
from shared.clock import Clock, SystemClock
from shared.saying.said import Push, Said
from tests.delivery.conftest import Sandbox, run_sandbox
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import outgoing, within
from tests.delivery.recipients import APNS_TOKEN as TO

OK, PASSING, FOR_GOOD, OPEN = (
    OutcomeKind.SUCCEEDED,
    OutcomeKind.TRANSIENT_FAILURE,
    OutcomeKind.PERMANENT_FAILURE,
    OutcomeKind.UNANSWERED,
)
IDS = {"apns_key_id": "ABC123DEFG", "apns_team_id": "DEF123GHIJ", "apns_topic": "com.example.shop"}


class Off(SystemClock):
    """A clock that goes wrong by so much."""

    def __init__(self, by: timedelta = timedelta()) -> None:
        self.by = by

    def now(self) -> Any:
        return super().now() + self.by


def provider(url: str, clock: Clock | None = None, **settings: Any) -> InALoop:
    made = DeliverySettings(apns_base_url=url, **settings)
    return InALoop(ApnsProvider.from_settings(made, clock or SystemClock()))


@pytest.fixture(scope="module")
def apns(sandbox_process: Sandbox) -> Iterator[InALoop]:
    made = provider(sandbox_process.http, apns_topic="com.example.shop")
    yield made
    made.close()


def sent(apns: InALoop, sandbox: Sandbox, push: Push, **more: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """Headers and payload that Apple was asked with."""
    given = outgoing(TO, channel="PUSH", said=Said(push=push) if push != Push() else Said(), **more)
    outcome = apns.send(given, within())
    assert outcome.kind is OK
    [receipt] = sandbox.receipts()
    assert (receipt["to"], receipt["provider_id"]) == (TO, outcome.provider_message_id)
    asked: dict[str, Any] = receipt["request"]
    assert asked["payload"].pop("notification_id") == given.notification_id
    assert asked["headers"].pop("apns-topic") == "com.example.shop"
    return asked["headers"], asked["payload"]


EVERYTHING = Push(
    data={"order": "7"},
    link="https://shop.example.com/7",
    image="https://shop.example.com/7.png",
    icon="ic_shop",
    sound="ding.aiff",
    badge=0,
    collapse_key="order-7",
    channel_id="orders",
    category="ORDER",
    mutable_content=True,
    analytics_label="orders",
)


def test_every_field_that_apple_knows_reaches_the_device(apns: InALoop, sandbox: Sandbox) -> None:
    headers, told = sent(apns, sandbox, EVERYTHING, urgent=True)
    assert headers == {"apns-push-type": "alert", "apns-priority": "10", "apns-collapse-id": "order-7"}
    assert told == {
        "aps": {
            "alert": {"title": "Hello", "body": "Hi there."},
            "badge": 0,
            "sound": "ding.aiff",
            "category": "ORDER",
            "mutable-content": 1,
        },
        "order": "7",
        "link": "https://shop.example.com/7",
        "image": "https://shop.example.com/7.png",
    }


def test_one_that_says_nothing_of_it_is_an_alert_without_haste(apns: InALoop, sandbox: Sandbox) -> None:
    headers, told = sent(apns, sandbox, Push())
    assert headers == {"apns-push-type": "alert", "apns-priority": "5"}
    assert told == {"aps": {"alert": {"title": "Hello", "body": "Hi there."}}}


def test_without_a_title_it_has_none(apns: InALoop, sandbox: Sandbox) -> None:
    _, told = sent(apns, sandbox, Push(), subject="")
    assert told["aps"] == {"alert": {"body": "Hi there."}}


def test_a_silent_one_wakes_the_app_and_shows_nothing(apns: InALoop, sandbox: Sandbox) -> None:
    headers, told = sent(apns, sandbox, EVERYTHING._replace(silent=True, collapse_key=""), urgent=True)
    assert headers == {"apns-push-type": "background", "apns-priority": "5"}
    assert told == {"aps": {"content-available": 1}, "order": "7"}


def test_a_picture_is_left_to_the_app_s_extension(apns: InALoop, sandbox: Sandbox) -> None:
    _, told = sent(apns, sandbox, Push(image="https://a.example/i.png"))
    assert told["image"] == "https://a.example/i.png"
    assert told["aps"]["mutable-content"] == 1


def test_data_of_the_app_s_own_goes_before(apns: InALoop, sandbox: Sandbox) -> None:
    own = {"image": "mine", "link": "mine"}
    _, told = sent(apns, sandbox, Push(data=own, image="https://a.example/i.png", link="https://a.example"))
    assert told | own == told


@pytest.mark.parametrize(("left", "told"), [(90.5, 90), (0.4, 0), (-3.0, 0), (10_000_000.0, 9_999_999)])
def test_what_is_left_of_its_time_is_told(apns: InALoop, sandbox: Sandbox, left: float, told: int) -> None:
    before = int(time.time())
    headers, _ = sent(apns, sandbox, Push(), ends_at=time.monotonic() + left)
    assert before + told <= int(headers["apns-expiration"]) <= int(time.time()) + 1 + told


@pytest.mark.parametrize("key", ["orders of Ada", " order ", "x" * 64])
def test_a_collapse_key_of_printable_signs_is_told(apns: InALoop, sandbox: Sandbox, key: str) -> None:
    headers, _ = sent(apns, sandbox, Push(collapse_key=key))
    assert headers["apns-collapse-id"] == key.strip()


def test_text_of_any_language_arrives_as_it_is(apns: InALoop, sandbox: Sandbox) -> None:
    _, told = sent(apns, sandbox, Push(data={"k": "\u2028🎉"}), subject='"Grüße"', body="a\nb\t漢字\\")
    assert told == {"aps": {"alert": {"title": '"Grüße"', "body": "a\nb\t漢字\\"}}, "k": "\u2028🎉"}


@pytest.mark.parametrize(("more", "kind"), [(0, OK), (1, FOR_GOOD)])
def test_a_push_has_4096_bytes_at_the_most(apns: InALoop, sandbox: Sandbox, more: int, kind: OutcomeKind) -> None:
    given = outgoing(TO, channel="PUSH", body="")
    body = "x" * (4096 - len(payload(given)) + more)
    outcome = apns.send(given._replace(body=body), within())
    assert (outcome.kind, outcome.code) == (kind, "PayloadTooLarge" if more else "")
    assert len(sandbox.receipts()) == (kind is OK)


NO_TOKENS = [
    "", "abc", "0" * 62, "0" * 63, "0" * 202, "g" * 64, "٠" * 64, "../" + "0" * 61, f" {TO}", f"{TO}\r\n", f"{TO}/x",
    f"{TO}?x",
]  # fmt: skip


@pytest.mark.parametrize("token", NO_TOKENS, ids=repr)
def test_what_is_no_token_of_apple_s_is_forgotten_and_asks_nobody(token: str) -> None:
    made = provider("http://127.0.0.1:9")
    outcome = made.send(outgoing(token, channel="PUSH"), within())
    made.close()
    assert (outcome.kind, outcome.code, outcome.rejection) == (FOR_GOOD, "BadDeviceToken", Rejection.GONE)


def test_a_token_in_capitals_is_the_same(apns: InALoop, sandbox: Sandbox) -> None:
    assert apns.send(outgoing(TO.upper(), channel="PUSH"), within()).kind is OK
    assert [receipt["to"] for receipt in sandbox.receipts()] == [TO]


GONE, REFUSED = Rejection.GONE, Rejection.REFUSED
MEANING: dict[str, tuple[OutcomeKind, Rejection | Cause | None]] = {
    **dict.fromkeys(("BadDeviceToken", "MissingDeviceToken", "Unregistered", "ExpiredToken"), (FOR_GOOD, GONE)),
    "DeviceTokenNotForTopic": (FOR_GOOD, REFUSED),
    **dict.fromkeys(
        ("BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority", "InvalidPushType", "PayloadEmpty"),
        (FOR_GOOD, None),
    ),
    "PayloadTooLarge": (FOR_GOOD, None),
    **dict.fromkeys(("BadTopic", "MissingTopic", "TopicDisallowed"), (PASSING, Cause.CONFIGURATION)),
    **dict.fromkeys(("ExpiredProviderToken", "Forbidden"), (PASSING, Cause.CONFIGURATION)),
    **dict.fromkeys(("InvalidProviderToken", "MissingProviderToken"), (PASSING, Cause.CONFIGURATION)),
    **dict.fromkeys(("BadPath", "MethodNotAllowed"), (PASSING, Cause.CONFIGURATION)),
    "TooManyRequests": (PASSING, Cause.RECIPIENT),
    **dict.fromkeys(("TooManyProviderTokenUpdates", "IdleTimeout"), (PASSING, Cause.PROVIDER)),
    **dict.fromkeys(("ServiceUnavailable", "Shutdown"), (PASSING, Cause.PROVIDER)),
    "InternalServerError": (OPEN, None),
}


@pytest.mark.parametrize("reason", STATUSES)
def test_each_of_apple_s_reasons_means_what_apple_says(sandbox: Sandbox, apns: InALoop, reason: str) -> None:
    sandbox.fault("apns", "status", reason)
    outcome = apns.send(outgoing(TO, channel="PUSH"), within())
    kind, about = MEANING[reason]
    assert (outcome.kind, outcome.code) == (kind, reason)
    assert (outcome.cause if kind is PASSING else outcome.rejection) is about
    assert TO not in outcome.message


@pytest.mark.parametrize(
    ("start", "code", "rejection"),
    [
        ("dead", "Unregistered", GONE),
        ("DEA1", "ExpiredToken", GONE),
        ("bad0", "BadDeviceToken", GONE),
        ("bad1", "DeviceTokenNotForTopic", REFUSED),
    ],
)
def test_a_device_that_is_gone_is_forgotten_and_another_app_s_is_not(
    apns: InALoop, sandbox: Sandbox, start: str, code: str, rejection: Rejection
) -> None:
    outcome = apns.send(outgoing(start + TO[4:], channel="PUSH"), within())
    assert (outcome.kind, outcome.code, outcome.rejection) == (FOR_GOOD, code, rejection)
    assert sandbox.receipts() == []


@pytest.mark.parametrize(("status", "kind"), [(429, PASSING), (503, PASSING), (502, OPEN), (418, FOR_GOOD)])
def test_a_status_without_a_reason_that_is_known_still_means_something(
    apns: InALoop, sandbox: Sandbox, status: int, kind: OutcomeKind
) -> None:
    sandbox.fault("apns", "status", status)
    assert apns.send(outgoing(TO, channel="PUSH"), within()).kind is kind


def test_a_token_that_apple_calls_expired_is_made_anew_once(sandbox: Sandbox) -> None:
    apns = provider(sandbox.http)
    sandbox.fault("apns", "status", "ExpiredProviderToken", times=1)
    assert apns.send(outgoing(TO, channel="PUSH"), within()).kind is OK
    sandbox.fault("apns", "status", "ExpiredProviderToken")
    for _ in range(2):
        outcome = apns.send(outgoing(TO, channel="PUSH"), within())
        assert (outcome.kind, outcome.cause) == (PASSING, Cause.CONFIGURATION)
    (fault,) = sandbox.call("GET", "/api/faults")
    assert fault["used"] == 2, "Apple takes no newer one within 20 minutes, so none is shown"
    apns.close()


@pytest.mark.parametrize(
    ("by", "kind"),
    [(timedelta(), OK), (timedelta(minutes=-55), OK), (timedelta(hours=-2), PASSING), (timedelta(hours=2), PASSING)],
    ids=str,
)
def test_a_clock_that_is_wrong_by_hours_is_for_an_operator(sandbox: Sandbox, by: timedelta, kind: OutcomeKind) -> None:
    apns = provider(sandbox.http, Off(by))
    outcome = apns.send(outgoing(TO, channel="PUSH"), within())
    apns.close()
    assert outcome.kind is kind
    assert kind is OK or (outcome.cause is Cause.CONFIGURATION and "clock" in outcome.message)


def claims_at(token: ProviderToken, clock: Off, seconds: int) -> str:
    clock.by = timedelta(seconds=seconds)
    return token.text()


def test_all_workers_show_the_same_token_and_change_it_as_apple_demands() -> None:
    clock = Off()
    start = -(int(clock.now().timestamp()) % USED_FOR) + 1
    one, other = (ProviderToken(known_key("a"), "K" * 10, "T" * 10, clock) for _ in range(2))
    texts = [claims_at(one, clock, start + minute * 60) for minute in range(0, 200, 5)]
    assert texts == [claims_at(other, clock, start + minute * 60) for minute in range(0, 200, 5)]
    changes = [minute * 5 for minute in range(1, len(texts)) if texts[minute] != texts[minute - 1]]
    assert changes == [40, 80, 120, 160], "no sooner than after 20 minutes, and no later than after 60"


def test_a_token_is_made_anew_for_all_who_were_refused_with_the_same() -> None:
    clock = Off()
    token = ProviderToken(known_key("a"), "K" * 10, "T" * 10, clock)
    refused = token.text()
    clock.by = timedelta(seconds=2)
    renewed = token.instead_of(refused)
    assert renewed != refused
    assert token.instead_of(refused) == renewed
    assert token.text() == renewed
    assert token.instead_of(renewed) == ""
    clock.by = timedelta(seconds=SOONEST_ANEW + 3)
    assert token.instead_of(renewed) not in ("", renewed)


def pem(key: Any, password: bytes = b"") -> bytes:
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password) if password else NoEncryption()
    )


def test_what_apple_would_not_believe_is_refused_by_its_look_alike(tmp_path: Path) -> None:
    key_file = tmp_path / "key.p8"
    key_file.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    with run_sandbox(tmp_path / "home", apns_key_file=str(key_file)) as sandbox:
        real = provider(sandbox.http, apns_key_file=str(key_file), **IDS)
        assert real.send(outgoing(TO, channel="PUSH"), within()).kind is OK
        other = provider(sandbox.http)
        outcome = other.send(outgoing(TO, channel="PUSH"), within())
        assert (outcome.kind, outcome.cause, outcome.code) == (PASSING, Cause.CONFIGURATION, "InvalidProviderToken")
        real.close()
        other.close()


NO_KEYS = {
    "empty": b"",
    "text": b"hello",
    "RSA": pem(rsa.generate_private_key(65537, 2048)),
    "another curve": pem(ec.generate_private_key(ec.SECP384R1())),
    "a password": pem(ec.generate_private_key(ec.SECP256R1()), b"secret"),
    "DER": ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS)
def test_a_file_that_is_no_key_of_apple_s_stops_the_start(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "key.p8").write_bytes(text)
    settings = DeliverySettings(apns_key_file=str(tmp_path / "key.p8"), **IDS)
    with pytest.raises(ValueError, match="PULSE_APNS_KEY_FILE"):
        ApnsProvider.from_settings(settings, SystemClock())


def test_so_does_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"key\.p8"):
        ApnsProvider.from_settings(DeliverySettings(apns_key_file=str(tmp_path / "key.p8"), **IDS), SystemClock())


@pytest.mark.parametrize(
    "settings",
    [
        {"apns_key_file": "k.p8"},
        *({"apns_key_file": "k.p8", **IDS, name: ""} for name in IDS),
        {"apns_key_id": "short"},
        {"apns_team_id": "lowercase1"},
        {"apns_topic": "com example"},
        {"apns_environment": "sandbox"},
        {"apns_base_url": "ftp://x"},
        {"apns_base_url": "https://"},
        {"apns_connections": 0},
    ],
    ids=str,
)
def test_settings_that_cannot_be_right_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DeliverySettings(**settings)
