"""What a push says beside title and text reaches FCM in the part for each kind of device."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.fcm.provider import FcmProvider
from services.delivery.rules.provider import OutcomeKind
from shared.clock import SystemClock
from shared.saying.said import Push, Said
from tests.delivery.conftest import Sandbox
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import outgoing, within

TO = "device:token-1"


@pytest.fixture(scope="module")
def fcm(sandbox_process: Sandbox) -> Iterator[InALoop]:
    settings = DeliverySettings(fcm_base_url=sandbox_process.http)
    made = InALoop(FcmProvider.from_settings(settings, SystemClock()))
    yield made
    made.close()


def sent(fcm: InALoop, sandbox: Sandbox, push: Push, **more: Any) -> dict[str, Any]:
    """What FCM was asked."""
    given = outgoing(TO, channel="PUSH", said=Said(push=push) if push != Push() else Said(), **more)
    assert fcm.send(given, within()).kind is OutcomeKind.SUCCEEDED
    [receipt] = sandbox.receipts()
    asked: dict[str, Any] = receipt["request"]
    assert asked["data"].pop("notification_id") == given.notification_id
    assert asked.pop("token") == TO
    return asked


EVERYTHING = Push(
    data={"order": "7"},
    link="https://shop.example.com/7",
    image="https://shop.example.com/7.png",
    icon="ic_shop",
    sound="ding",
    badge=0,
    collapse_key="order-7",
    channel_id="orders",
    category="ORDER",
    mutable_content=True,
    analytics_label="orders",
)


def test_every_field_reaches_the_devices_that_know_it(fcm: InALoop, sandbox: Sandbox) -> None:
    assert sent(fcm, sandbox, EVERYTHING, urgent=True) == {
        "notification": {"title": "Hello", "body": "Hi there.", "image": "https://shop.example.com/7.png"},
        "data": {"order": "7", "link": "https://shop.example.com/7"},
        "android": {
            "priority": "high",
            "collapse_key": "order-7",
            "notification": {
                "icon": "ic_shop",
                "sound": "ding",
                "tag": "order-7",
                "channel_id": "orders",
                "click_action": "ORDER",
                "notification_count": 0,
            },
        },
        "apns": {
            "headers": {"apns-priority": "10", "apns-collapse-id": "order-7"},
            "payload": {"aps": {"badge": 0, "sound": "ding", "category": "ORDER", "mutable-content": 1}},
            "fcm_options": {"image": "https://shop.example.com/7.png"},
        },
        "webpush": {
            "headers": {"Urgency": "high", "Topic": "order-7"},
            "notification": {"image": "https://shop.example.com/7.png", "tag": "order-7"},
            "fcm_options": {"link": "https://shop.example.com/7"},
        },
        "fcm_options": {"analytics_label": "orders"},
    }


def test_one_that_says_nothing_of_it_tells_devices_how_urgent_it_is(fcm: InALoop, sandbox: Sandbox) -> None:
    assert sent(fcm, sandbox, Push()) == {
        "notification": {"title": "Hello", "body": "Hi there."},
        "data": {},
        "android": {"priority": "normal"},
        "apns": {"headers": {"apns-priority": "5"}},
        "webpush": {"headers": {"Urgency": "normal"}},
    }


def test_a_silent_one_wakes_the_app_and_shows_nothing(fcm: InALoop, sandbox: Sandbox) -> None:
    asked = sent(fcm, sandbox, EVERYTHING._replace(silent=True, collapse_key=""), urgent=True)
    assert "notification" not in asked
    assert "fcm_options" not in asked["apns"]
    assert "notification" not in asked["android"]
    assert asked["apns"]["headers"] == {"apns-priority": "5", "apns-push-type": "background"}
    assert asked["apns"]["payload"] == {"aps": {"content-available": 1}}


@pytest.mark.parametrize(("left", "told"), [(90.5, 90), (0.4, 0), (-3.0, 0)])
def test_what_is_left_of_its_time_is_told_for_each_kind_of_device(
    fcm: InALoop, sandbox: Sandbox, left: float, told: int
) -> None:
    before = int(time.time())
    asked = sent(fcm, sandbox, Push(), ends_at=time.monotonic() + left)
    after = int(time.time()) + 1
    assert asked["android"]["ttl"] == f"{told}s"
    assert asked["webpush"]["headers"]["TTL"] == str(told)
    assert before + told <= int(asked["apns"]["headers"]["apns-expiration"]) <= after + told


def test_no_longer_time_is_told_than_fcm_takes(fcm: InALoop, sandbox: Sandbox) -> None:
    asked = sent(fcm, sandbox, Push(), ends_at=time.monotonic() + 90 * 86_400)
    assert asked["android"]["ttl"] == "2419200s"
    assert asked["webpush"]["headers"]["TTL"] == "2419200"


def test_a_picture_is_left_to_the_app_s_extension(fcm: InALoop, sandbox: Sandbox) -> None:
    asked = sent(fcm, sandbox, Push(image="https://a.example/i.png"))
    assert asked["apns"]["payload"] == {"aps": {"mutable-content": 1}}


def test_a_collapse_key_that_is_no_topic_of_the_web_is_left_out_there(fcm: InALoop, sandbox: Sandbox) -> None:
    asked = sent(fcm, sandbox, Push(collapse_key="orders of Ada"))
    assert asked["android"]["collapse_key"] == "orders of Ada"
    assert "Topic" not in asked["webpush"]["headers"]


def test_what_is_too_large_with_all_it_says_is_not_sent(fcm: InALoop, sandbox: Sandbox) -> None:
    given = outgoing(TO, channel="PUSH", said=Said(push=Push(data={"a": "x" * 4096})))
    outcome = fcm.send(given, within())
    assert (outcome.kind, outcome.code) == (OutcomeKind.PERMANENT_FAILURE, "PAYLOAD_TOO_LARGE")
    assert sandbox.receipts() == []
