"""Devices: a push without an address goes to all that the user registered; one that is gone is forgotten."""

from __future__ import annotations

import uuid

from proof.waiting import wait_until
from tests.delivery.recipients import browser
from tests.e2e.notifications import events, make_template, new, providers, put_faults, send, settled
from tests.e2e.suite import Suite


def register(suite: Suite, user: str, *tokens: str) -> None:
    for token in tokens:
        answer = suite.rest.post(f"/v1/recipients/{user}/devices", json={"token": token, "label": token})
        assert answer.status_code == 200, answer.text


def tokens_of(suite: Suite, user: str) -> list[str]:
    found = suite.rest.get(f"/v1/recipients/{user}/devices").json()["device_tokens"]
    return [device["token"] for device in found]


def uninstall(suite: Suite, *tokens: str) -> None:
    """FCM says of these from now on that they are gone."""
    put_faults(
        suite, *[{"provider": "fcm", "match": one, "action": "status", "value": "UNREGISTERED"} for one in tokens]
    )


LATEST = {"push": {"devices": "latest"}}


def test_a_push_without_address_goes_to_all_devices_as_one_notification(suite: Suite) -> None:
    user, gone, *others = new("user"), new("gone"), new("old"), new("latest")
    register(suite, user, gone, *others)
    uninstall(suite, gone)
    sent = send(suite, "welcome_push", channel="push", user_id=user)
    notification = settled(suite, sent)
    assert (notification["status"], notification["attempt_count"]) == ("SENT", 1)
    assert sorted(receipt["to"] for receipt in suite.receipts(sent)) == sorted(others)
    assert tokens_of(suite, user) == others[::-1]
    (ended,) = events(notification, "ATTEMPT_ENDED")
    assert [(one["outcome"], one["forgotten"]) for one in ended["devices"]] == [
        ("SUCCEEDED", False),
        ("SUCCEEDED", False),
        ("PERMANENT_FAILURE", True),
    ]
    assert ended["devices"][2]["failure"]["code"] == "UNREGISTERED"
    assert {one["provider"] for one in ended["devices"]} == {"fcm"}


def test_only_the_devices_that_may_still_succeed_are_tried_again(suite: Suite) -> None:
    user, took, busy = new("user"), new("took"), new("busy")
    register(suite, user, took, busy)
    fault = {"provider": "fcm", "match": busy, "action": "status", "value": "QUOTA_EXCEEDED", "times": 1}
    put_faults(suite, fault)
    sent = send(suite, "welcome_push", channel="push", user_id=user)
    notification = settled(suite, sent)
    assert (notification["status"], notification["attempt_count"]) == ("SENT", 2)
    assert sorted(receipt["to"] for receipt in suite.receipts(sent)) == sorted([took, busy])
    first, second = events(notification, "ATTEMPT_ENDED")
    assert (first["status"], second["status"]) == ("RETRYING", "SENT")
    assert [one["outcome"] for one in first["devices"]] == ["TRANSIENT_FAILURE", "SUCCEEDED"]
    assert [one["outcome"] for one in second["devices"]] == ["SUCCEEDED"]


def test_a_request_or_a_template_may_be_for_the_device_registered_last(suite: Suite) -> None:
    user, old, latest = new("user"), new("old"), new("latest")
    register(suite, user, old, latest)
    assert suite.until_arrived(send(suite, "welcome_push", channel="push", user_id=user, **LATEST))["to"] == latest
    register(suite, user, old)
    template = make_template(suite, channel="push", contents=[{"body": "Hi {{ name }}", **LATEST}])
    assert suite.until_arrived(send(suite, template, channel="push", user_id=user))["to"] == old
    assert tokens_of(suite, user) == [old, latest]


def test_the_latest_device_that_is_gone_is_forgotten_and_the_one_before_tried(suite: Suite) -> None:
    user, old, latest = new("user"), new("old"), new("latest")
    register(suite, user, old, latest)
    uninstall(suite, latest)
    sent = send(suite, "welcome_push", channel="push", user_id=user, **LATEST)
    assert suite.until_arrived(sent)["to"] == old
    assert tokens_of(suite, user) == [old]
    gone, taken_over = events(settled(suite, sent), "ATTEMPT_ENDED")
    assert (gone["outcome"], gone["failure"]["code"]) == ("PERMANENT_FAILURE", "UNREGISTERED")
    assert taken_over["outcome"] == "SUCCEEDED"


def test_without_any_device_left_it_fails_and_says_so(suite: Suite) -> None:
    user, only = new("user"), new("only")
    register(suite, user, only)
    uninstall(suite, only)
    for _ in range(2):  # its last device goes, then there is none
        notification = settled(suite, send(suite, "welcome_push", channel="push", user_id=user))
        assert (notification["status"], notification["failure"]["code"]) == ("FAILED", "NO_DEVICE")
    assert tokens_of(suite, user) == []


def test_a_user_without_devices_gets_the_fallback_at_once(suite: Suite) -> None:
    fallback = {"channel": "sms", "to": "+14155550123", "after": "3600s"}
    sent = send(suite, "welcome_push", channel="push", fallbacks=[fallback])
    wait_until(lambda: providers(suite, sent) == ["twilio"])


def test_devices_of_three_kinds_are_one_notification_with_three_outcomes(suite: Suite) -> None:
    user, android, apple = new("user"), new("android"), uuid.uuid4().hex + uuid.uuid4().hex
    web = browser(str(suite.sandbox.base_url).rstrip("/"), new("ada"))
    for body in ({"token": android}, {"token": apple.upper(), "kind": "apns"}, {"token": web, "kind": "WEB_PUSH"}):
        answer = suite.rest.post(f"/v1/recipients/{user}/devices", json=body)
        assert answer.status_code == 200, answer.text
    registered = suite.rest.get(f"/v1/recipients/{user}/devices").json()["device_tokens"]
    assert [one["kind"] for one in registered] == ["WEB_PUSH", "APNS", "FCM"]
    assert [one["token"] for one in registered[1:]] == [apple, android]
    sent = send(suite, "welcome_push", channel="push", user_id=user)
    (ended,) = events(settled(suite, sent), "ATTEMPT_ENDED")
    assert [(one["provider"], one["outcome"]) for one in ended["devices"]] == [
        ("webpush", "SUCCEEDED"),
        ("apns", "SUCCEEDED"),
        ("fcm", "SUCCEEDED"),
    ]
    assert sorted(providers(suite, sent)) == ["apns", "fcm", "webpush"]


def test_an_expired_device_of_each_kind_is_forgotten(suite: Suite) -> None:
    user, android, apple = new("user"), new("unregistered"), "dead" + (uuid.uuid4().hex + uuid.uuid4().hex)[4:]
    web = browser(str(suite.sandbox.base_url).rstrip("/"), new("unregistered"))
    for token, kind in ((android, "fcm"), (apple, "apns"), (web, "web_push")):
        answer = suite.rest.post(f"/v1/recipients/{user}/devices", json={"token": token, "kind": kind})
        assert answer.status_code == 200, answer.text
    notification = settled(suite, send(suite, "welcome_push", channel="push", user_id=user))
    (ended,) = events(notification, "ATTEMPT_ENDED")
    assert [one["forgotten"] for one in ended["devices"]] == [True] * 3
    assert (notification["status"], notification["failure"]["code"]) == ("FAILED", "NO_DEVICE")
    assert tokens_of(suite, user) == []
