"""Preferences and quiet hours: what a user does not want is not sent, and what may wait is put off, not dropped."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.notifications import make_template, new, reasons, send, told
from tests.e2e.suite import Suite

TOKYO = ZoneInfo("Asia/Tokyo")


def prefer(suite: Suite, **preferences: Any) -> str:
    """A new user with these preferences."""
    user = new("user")
    answer = suite.rest.put(f"/v1/recipients/{user}/preferences", json=preferences)
    assert answer.status_code == 200, answer.text
    return user


def quiet_until(end: dt.datetime) -> dict[str, str]:
    """Quiet hours in Tokyo that have begun and last until ``end``."""
    return {
        "time_zone": "Asia/Tokyo",
        "quiet_from": f"{end.astimezone(TOKYO) - dt.timedelta(hours=4):%H:%M}",
        "quiet_until": f"{end.astimezone(TOKYO):%H:%M}",
    }


def in_two_hours() -> dt.datetime:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)).replace(second=0, microsecond=0)


def test_a_category_that_is_switched_off_is_not_sent_by_that_channel(suite: Suite) -> None:
    category = new("c")
    user = prefer(suite, choices=[{"category": category, "channel": "email", "enabled": False}])
    template = make_template(suite, category)
    stopped = told(suite, send(suite, template, user_id=user))
    assert stopped["status"] == "SUPPRESSED"
    assert reasons(stopped, "preference") == [f"SUPPRESSED: the recipient does not want '{category}' by EMAIL"]
    suite.until_arrived(send(suite, template, user_id=user, channel="push", to="token"))
    suite.until_arrived(send(suite, make_template(suite, new("c")), user_id=user))


def test_a_channel_can_be_switched_off_but_for_one_category_and_what_is_critical(suite: Suite) -> None:
    category = new("c")
    off, on = {"channel": "email", "enabled": False}, {"channel": "email", "category": category, "enabled": True}
    user = prefer(suite, choices=[off, on])
    assert told(suite, send(suite, make_template(suite), user_id=user))["status"] == "SUPPRESSED"
    for passing in (category, "security"):
        suite.until_arrived(send(suite, make_template(suite, passing), user_id=user))


def test_quiet_hours_put_off_to_their_end_in_the_users_time_zone(suite: Suite) -> None:
    end = in_two_hours()
    user = prefer(suite, **quiet_until(end))
    deferred = told(suite, send(suite, make_template(suite), user_id=user))
    assert deferred["status"] == "SCHEDULED"
    assert dt.datetime.fromisoformat(deferred["next_attempt_time"]) == end
    assert reasons(deferred, "quiet_hours") == [
        f"DEFERRED: the recipient's quiet hours last until {end:%Y-%m-%dT%H:%M:%SZ}"
    ]
    assert suite.receipts(deferred["notification_id"]) == []


@pytest.mark.parametrize(("category", "priority"), [("security", "low"), ("", "high")])
def test_quiet_hours_hold_nothing_back_that_is_critical_or_high(suite: Suite, category: str, priority: str) -> None:
    user = prefer(suite, **quiet_until(in_two_hours()))
    suite.until_arrived(send(suite, make_template(suite, category), user_id=user, priority=priority))


def test_what_is_planned_for_after_quiet_hours_keeps_its_time(suite: Suite) -> None:
    end = in_two_hours()
    user = prefer(suite, **quiet_until(end))
    planned = end + dt.timedelta(minutes=5)
    notification = told(suite, send(suite, make_template(suite), user_id=user, send_at=planned.isoformat()))
    assert dt.datetime.fromisoformat(notification["next_attempt_time"]) == planned
    assert reasons(notification, "quiet_hours") == []


@pytest.mark.parametrize(
    ("preferences", "reason"),
    [
        ({"time_zone": "Mars/Olympus"}, "TIME_ZONE_UNKNOWN"),
        ({"quiet_from": "22:00"}, "QUIET_HOURS_HALF"),
        ({"quiet_from": "25:00", "quiet_until": "07:00"}, "INVALID_FIELDS"),
    ],
)
def test_preferences_that_cannot_be_are_refused(suite: Suite, preferences: dict[str, str], reason: str) -> None:
    answer = suite.rest.put(f"/v1/recipients/{new('user')}/preferences", json=preferences)
    assert (answer.status_code, answer.json()["details"][0]["reason"]) == (400, reason)
