"""Fallback: where a notification has not arrived by one channel, it moves on to the next, once."""

from __future__ import annotations

from typing import Any

from proof.waiting import wait_until
from tests.e2e.notifications import events, new, phone_number, post, providers, put_faults, reasons, send, settled, told
from tests.e2e.suite import Suite


def push(suite: Suite, after: str | None = "1s", to: str = "", **fields: Any) -> str:
    """A push that moves on to SMS."""
    fallback = {"channel": "sms", "to": phone_number(), "after": after}
    return send(suite, "login_otp", channel="push", to=to or new("token"), fallbacks=[fallback], **fields)


def has_moved_on(suite: Suite, notification_id: str) -> bool:
    notification = told(suite, notification_id)
    return (notification["channel"], notification["status"]) == ("SMS", "SENT")


def test_a_push_that_does_not_arrive_in_time_goes_by_sms_exactly_once(suite: Suite) -> None:
    first, later = push(suite), push(suite, after="2s")
    wait_until(lambda: has_moved_on(suite, first))
    # By the time a later one has moved on, the first had every opportunity to do so again.
    wait_until(lambda: has_moved_on(suite, later))
    notification = told(suite, first)
    assert providers(suite, first) == ["fcm", "twilio"]
    assert [event["provider"] for event in events(notification, "ATTEMPT_STARTED")] == ["fcm", "twilio"]
    assert reasons(notification, "fallback") == ["SMS: it did not arrive by PUSH in time"]
    assert reasons(notification, "route")[1].startswith("SMS: twilio")


def test_a_push_that_is_acknowledged_does_not_move_on(suite: Suite) -> None:
    acknowledged = push(suite)
    wait_until(lambda: told(suite, acknowledged)["status"] == "SENT")
    answer = suite.rest.post(f"/v1/notifications/{acknowledged}:acknowledge", json={})
    assert (answer.status_code, answer.json()["status"]) == (200, "DELIVERED")
    later = push(suite)
    wait_until(lambda: has_moved_on(suite, later))
    notification = told(suite, acknowledged)
    assert (notification["channel"], notification["status"]) == ("PUSH", "DELIVERED")
    assert reasons(notification, "receipt") == ["DELIVERED: its arrival was acknowledged"]
    assert providers(suite, acknowledged) == ["fcm"]


def test_a_channel_that_fails_for_good_is_left_at_once(suite: Suite) -> None:
    token = new("token")
    put_faults(suite, {"provider": "fcm", "match": token, "action": "status", "value": "INVALID_ARGUMENT"})
    sent = push(suite, after="3600s", to=token)
    wait_until(lambda: has_moved_on(suite, sent))
    assert reasons(told(suite, sent), "fallback") == ["SMS: it failed by PUSH"]
    assert providers(suite, sent) == ["twilio"]


def test_what_is_taken_back_does_not_move_on(suite: Suite) -> None:
    cancelled = push(suite, send_at="2027-01-01T00:00:00Z")
    assert suite.rest.post(f"/v1/notifications/{cancelled}:cancel", json={}).json()["status"] == "CANCELLED"
    later = push(suite)
    wait_until(lambda: has_moved_on(suite, later))
    assert settled(suite, cancelled)["status"] == "CANCELLED"
    assert providers(suite, cancelled) == []


def test_a_fallback_that_could_never_be_sent_is_refused_at_once(suite: Suite) -> None:
    for fallback in (
        {"channel": "sms", "to": "+882123456789"},
        {"channel": "sms", "to": "nobody"},
        {"channel": "push"},
    ):
        answer = post(suite, "welcome_push", channel="push", to="token", fallbacks=[fallback])
        assert answer.status_code in (400, 403), fallback
