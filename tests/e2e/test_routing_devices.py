"""Devices: a push without an address goes to the device registered last; one that is gone is forgotten."""

from __future__ import annotations

from proof.waiting import wait_until
from tests.e2e.notifications import events, new, providers, put_faults, reasons, send, settled
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


def test_a_push_without_address_goes_to_the_device_registered_last(suite: Suite) -> None:
    user, old, latest = new("user"), new("old"), new("latest")
    register(suite, user, old, latest)
    assert suite.until_arrived(send(suite, "welcome_push", channel="push", user_id=user))["to"] == latest
    register(suite, user, old)
    assert suite.until_arrived(send(suite, "welcome_push", channel="push", user_id=user))["to"] == old
    assert tokens_of(suite, user) == [old, latest]


def test_a_device_that_is_gone_is_forgotten_and_the_next_one_tried(suite: Suite) -> None:
    user, old, latest = new("user"), new("old"), new("latest")
    register(suite, user, old, latest)
    uninstall(suite, latest)
    sent = send(suite, "welcome_push", channel="push", user_id=user)
    assert suite.until_arrived(sent)["to"] == old
    assert tokens_of(suite, user) == [old]
    notification = settled(suite, sent)
    gone, taken_over = events(notification, "ATTEMPT_ENDED")
    assert (gone["outcome"], gone["failure"]["code"]) == ("PERMANENT_FAILURE", "UNREGISTERED")
    assert taken_over["outcome"] == "SUCCEEDED"
    assert len(reasons(notification, "device")) == 2


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
