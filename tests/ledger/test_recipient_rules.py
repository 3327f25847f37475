"""Whether and when something may be sent to its recipient: the rules without a database."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest

from services.ledger.rules.delivery import Lane
from services.ledger.rules.quiet_hours import quiet_hours
from services.ledger.rules.recipient_rules import Deferred, Go, Sending, Suppressed, rule
from services.ledger.rules.recipients import Choice, Preferences, Profile, Reason, Suppression
from shared.channel.table import Channel

AT = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
NEWS = Sending("news", Channel.EMAIL, "ada@example.com", Lane.LOW, critical=False)
CODE = NEWS._replace(category="otp", lane=Lane.HIGH, critical=True)
QUIET = Preferences(quiet_from="11:00", quiet_until="13:00")


def suppression(reason: Reason = Reason.MANUAL, channel: Channel | None = None, address: str = "", category: str = ""):
    return Profile(suppressions=[Suppression(channel, address, category, reason)])


def choices(*made: Choice) -> Profile:
    return Profile(Preferences(made))


def test_nothing_known_is_no_reason_not_to_send():
    assert rule(Profile(), NEWS, AT) == Go()


@pytest.mark.parametrize(
    ("profile", "covered"),
    [
        (suppression(channel=Channel.EMAIL), True),
        (suppression(channel=Channel.SMS), False),
        (suppression(address="ada@example.com"), True),
        (suppression(address="other@example.com"), False),
        (suppression(channel=Channel.EMAIL, category="news"), True),
        (suppression(channel=Channel.EMAIL, category="offers"), False),
        (suppression(channel=Channel.SMS, address="ada@example.com"), False),
    ],
)
def test_a_suppression_holds_for_what_it_names(profile: Profile, covered: bool):
    verdict = rule(profile, NEWS, AT)
    assert isinstance(verdict, Suppressed) is covered


@pytest.mark.parametrize(
    ("reason", "passes"),
    [(Reason.MANUAL, False), (Reason.BOUNCE, False), (Reason.COMPLAINT, False), (Reason.UNSUBSCRIBE, True)],
)
def test_what_is_critical_passes_an_unsubscription_only(reason: Reason, passes: bool):
    profile = suppression(reason, channel=Channel.EMAIL)
    assert isinstance(rule(profile, NEWS, AT), Suppressed)
    assert (rule(profile, CODE, AT) == Go()) is passes


@pytest.mark.parametrize(
    ("profile", "sent"),
    [
        (choices(Choice("news", Channel.EMAIL, False)), False),
        (choices(Choice("news", Channel.SMS, False)), True),
        (choices(Choice("offers", Channel.EMAIL, False)), True),
        (choices(Choice("", Channel.EMAIL, False)), False),
        (choices(Choice("", Channel.EMAIL, False), Choice("news", Channel.EMAIL, True)), True),
        (choices(Choice("", Channel.EMAIL, True), Choice("news", Channel.EMAIL, False)), False),
    ],
)
def test_the_choice_for_a_category_comes_before_that_for_all_others(profile: Profile, sent: bool):
    assert (rule(profile, NEWS, AT) == Go()) is sent
    assert rule(profile, NEWS._replace(critical=True), AT) == Go()


def test_quiet_hours_defer_and_say_until_when():
    verdict = rule(Profile(QUIET), NEWS, AT)
    assert isinstance(verdict, Deferred)
    assert verdict.until == AT.replace(hour=13)
    assert verdict.decision["rule"] == "quiet_hours"
    assert "2026-11-23T13:00:00Z" in verdict.decision["reason"]


@pytest.mark.parametrize("urgent", [NEWS._replace(lane=Lane.HIGH), NEWS._replace(critical=True), CODE])
def test_quiet_hours_do_not_hold_back_what_is_urgent(urgent: Sending):
    assert rule(Profile(QUIET), urgent, AT) == Go()


def test_a_choice_holds_for_the_lane_high_too():
    assert isinstance(rule(choices(Choice("", Channel.EMAIL, False)), NEWS._replace(lane=Lane.HIGH), AT), Suppressed)


def test_what_is_suppressed_is_not_deferred():
    profile = Profile(QUIET, [Suppression(Channel.EMAIL, "", "", Reason.MANUAL)])
    assert isinstance(rule(profile, NEWS, AT), Suppressed)


def test_a_decision_repeats_no_address():
    verdict = rule(suppression(address="ada@example.com"), NEWS, AT)
    assert isinstance(verdict, Suppressed)
    assert "ada" not in str(verdict.decision)


def test_a_zone_that_is_known_no_more_is_taken_for_utc():
    assert isinstance(rule(Profile(QUIET._replace(time_zone="Europe/Atlantis")), NEWS, AT), Deferred)


# Local quiet hours, a zone, a moment in UTC, and when they end in UTC (None: the moment is not in them).
# Berlin: +1, +2 from 2026-03-29 01:00Z to 2026-10-25 01:00Z. New York: -5, -4 from 2026-03-08 07:00Z to 2026-11-01
# 06:00Z. Lord Howe: +10:30, in summer +11: back at 2026-04-04 15:00Z, on at 2026-10-03 15:30Z, by half an hour.
# Cairo: +2, in summer +3 from midnight on: 2026-04-23 22:00Z.
CASES = [
    # In winter and in summer, over midnight.
    ("22:00", "07:00", "Europe/Berlin", "2026-01-10T20:59", None),
    ("22:00", "07:00", "Europe/Berlin", "2026-01-10T21:00", "2026-01-11T06:00"),
    ("22:00", "07:00", "Europe/Berlin", "2026-01-11T05:59", "2026-01-11T06:00"),
    ("22:00", "07:00", "Europe/Berlin", "2026-01-11T06:00", None),
    ("22:00", "07:00", "Europe/Berlin", "2026-07-10T20:00", "2026-07-11T05:00"),
    # Within one day.
    ("12:00", "14:00", "America/New_York", "2026-01-10T17:00", "2026-01-10T19:00"),
    ("12:00", "14:00", "America/New_York", "2026-01-10T19:00", None),
    # The night in which clocks go forward is an hour shorter, the one in which they go back an hour longer.
    ("22:00", "07:00", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T05:00"),
    ("22:00", "07:00", "Europe/Berlin", "2026-10-24T23:00", "2026-10-25T06:00"),
    ("22:00", "07:00", "America/New_York", "2026-03-08T04:00", "2026-03-08T11:00"),
    ("22:00", "07:00", "America/New_York", "2026-11-01T04:00", "2026-11-01T12:00"),
    ("22:00", "07:00", "Australia/Lord_Howe", "2026-04-04T12:00", "2026-04-04T20:30"),
    ("22:00", "07:00", "Australia/Lord_Howe", "2026-10-03T12:00", "2026-10-03T20:00"),
    # An end in the skipped hour: 02:30 by the clock of before is 03:30 by the new one.
    ("22:00", "02:30", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T01:30"),
    ("22:00", "02:30", "America/New_York", "2026-03-08T04:00", "2026-03-08T07:30"),
    ("22:00", "02:15", "Australia/Lord_Howe", "2026-10-03T12:00", "2026-10-03T15:45"),
    ("20:00", "00:30", "Africa/Cairo", "2026-04-23T20:00", "2026-04-23T22:30"),
    # An end that comes twice: the second one, so that they never end early.
    ("22:00", "02:30", "Europe/Berlin", "2026-10-25T00:45", "2026-10-25T01:30"),
    ("22:00", "01:30", "America/New_York", "2026-11-01T05:45", "2026-11-01T06:30"),
    ("22:00", "01:45", "Australia/Lord_Howe", "2026-04-04T14:50", "2026-04-04T15:15"),
    # A beginning that comes twice: the first one.
    ("02:30", "07:00", "Europe/Berlin", "2026-10-25T00:30", "2026-10-25T06:00"),
    ("02:30", "07:00", "Europe/Berlin", "2026-10-25T01:10", "2026-10-25T06:00"),
    # A beginning in the skipped hour, with an end that comes before it: none that day.
    ("02:30", "03:15", "Europe/Berlin", "2026-03-29T01:10", None),
    ("02:30", "05:00", "Europe/Berlin", "2026-03-29T01:30", "2026-03-29T03:00"),
    # Without a zone: UTC.
    ("22:00", "07:00", "", "2026-03-29T00:00", "2026-03-29T07:00"),
]


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(("start", "until", "zone", "at", "end"), CASES)
def test_quiet_hours_are_those_of_the_recipient_s_clock(start, until, zone, at, end):
    hours = quiet_hours(start, until, zone)
    assert hours is not None
    assert hours.end(utc(at)) == (end and utc(end))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])
def test_whatever_is_deferred_is_sent_within_a_day_and_outside_of_quiet_hours(zone: str):
    hours = quiet_hours("22:00", "02:30", zone)
    assert hours is not None
    for quarters in range(365 * 24 * 4):
        at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=15 * quarters)
        end = hours.end(at)
        if end is not None:
            assert dt.timedelta(0) < end - at <= dt.timedelta(hours=6)
            assert hours.end(end) is None


def test_half_of_quiet_hours_is_none():
    assert quiet_hours("22:00", "", "") is None


def test_time_zones_are_known_where_the_system_has_none():
    """They come with a package then."""
    pytest.importorskip("tzdata")
    code = "import zoneinfo; print(zoneinfo.TZPATH, zoneinfo.ZoneInfo('Europe/Berlin'))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONTZPATH": ""}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["()", "Europe/Berlin"]
