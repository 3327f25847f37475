"""What a request says of a push, by REST, to what FCM is asked: each field in the part for each kind of device."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.e2e.notifications import make_template, new, send
from tests.e2e.suite import Suite

#: What stands in a request's ``push``, and what FCM is asked with it; a dot leads into a part.
FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "data": ({"data": {"order": "7", "n": "1"}}, {"data.order": "7", "data.n": "1"}),
    "link": (
        {"link": "https://shop.example.com/7"},
        {"data.link": "https://shop.example.com/7", "webpush.fcm_options.link": "https://shop.example.com/7"},
    ),
    "an app's link": ({"link": "shop://7"}, {"data.link": "shop://7", "webpush.fcm_options": None}),
    "image": (
        {"image": "https://a.example/7.png"},
        {
            "notification.image": "https://a.example/7.png",
            "apns.fcm_options.image": "https://a.example/7.png",
            "apns.payload.aps.mutable-content": 1,
            "webpush.notification.image": "https://a.example/7.png",
        },
    ),
    "icon": ({"icon": "ic_shop"}, {"android.notification.icon": "ic_shop", "webpush.notification": None}),
    "a web icon": (
        {"icon": "https://a.example/i.png"},
        {"webpush.notification.icon": "https://a.example/i.png", "android.notification": None},
    ),
    "sound": ({"sound": "ding"}, {"android.notification.sound": "ding", "apns.payload.aps.sound": "ding"}),
    "badge": ({"badge": 3}, {"android.notification.notification_count": 3, "apns.payload.aps.badge": 3}),
    "no badge": ({"badge": 0}, {"android.notification.notification_count": 0, "apns.payload.aps.badge": 0}),
    "collapse_key": (
        {"collapse_key": "order-7"},
        {
            "android.collapse_key": "order-7",
            "android.notification.tag": "order-7",
            "apns.headers.apns-collapse-id": "order-7",
            "webpush.headers.Topic": "order-7",
        },
    ),
    "channel_id": ({"channel_id": "orders"}, {"android.notification.channel_id": "orders"}),
    "category": (
        {"category": "ORDER"},
        {"android.notification.click_action": "ORDER", "apns.payload.aps.category": "ORDER"},
    ),
    "mutable_content": ({"mutable_content": True}, {"apns.payload.aps.mutable-content": 1}),
    "silent": (
        {"silent": True, "data": {"sync": "now"}},
        {
            "notification": None,
            "data.sync": "now",
            "apns.payload.aps.content-available": 1,
            "apns.headers.apns-push-type": "background",
            "apns.headers.apns-priority": "5",
        },
    ),
    "analytics_label": ({"analytics_label": "spring~1"}, {"fcm_options.analytics_label": "spring~1"}),
}


def asked(suite: Suite, **fields: Any) -> dict[str, Any]:
    """What FCM is asked for a push with them."""
    sent = send(suite, fields.pop("template", "welcome_push"), channel="push", to=new("device"), **fields)
    request: dict[str, Any] = suite.until_arrived(sent)["request"]
    return request


def at(request: Any, path: str) -> Any:
    """What stands there; None: nothing does."""
    for name in path.split("."):
        request = request.get(name) if isinstance(request, dict) else None
    return request


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_reaches_fcm(suite: Suite, name: str) -> None:
    push, parts = FIELDS[name]
    request = asked(suite, push=push)
    assert {path: at(request, path) for path in parts} == parts


@pytest.mark.parametrize(
    ("priority", "android", "apple", "web"), [("high", "high", "10", "high"), ("low", "normal", "5", "normal")]
)
def test_the_lane_and_what_is_left_of_its_time_are_told(
    suite: Suite, priority: str, android: str, apple: str, web: str
) -> None:
    began = time.time()
    request = asked(suite, priority=priority, ttl="600s")
    told = [at(request, path) for path in ("android.priority", "apns.headers.apns-priority", "webpush.headers.Urgency")]
    assert told == [android, apple, web]
    assert 500 < int(at(request, "android.ttl").removesuffix("s")) <= 600
    assert 500 < int(at(request, "webpush.headers.TTL")) <= 600
    assert began + 500 < int(at(request, "apns.headers.apns-expiration")) <= time.time() + 600


def test_a_template_says_the_same_in_liquid_and_the_request_wins(suite: Suite) -> None:
    push = {
        "link": "https://shop.example.com/{{ name }}",
        "data": {"who": "{{ name }}", "kept": "yes"},
        "sound": "ding",
        "analytics_label": "for-{{ name }}",
    }
    template = make_template(suite, channel="push", contents=[{"body": "Hi {{ name }}", "push": push}])
    request = asked(suite, template=template, push={"data": {"who": "you"}, "sound": "dong"})
    assert {path: at(request, path) for path in ("data.who", "data.kept", "data.link", "apns.payload.aps.sound")} == {
        "data.who": "you",
        "data.kept": "yes",
        "data.link": "https://shop.example.com/Ann",
        "apns.payload.aps.sound": "dong",
    }
    assert at(request, "fcm_options.analytics_label") == "for-Ann"
