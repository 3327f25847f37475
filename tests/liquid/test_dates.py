"""The filter ``date`` takes what means one day to everybody, and refuses the rest by name."""

from __future__ import annotations

import datetime as dt
import warnings

import pytest

from tests.liquid.rendering import refused, rendered, rendered_html

WHOLE = "%Y-%m-%d %H:%M:%S %z"
MOMENTS = [
    ("2026-04-03", "2026-04-03 00:00:00 +0000"),
    ("2026-4-3", "2026-04-03 00:00:00 +0000"),
    ("2026/04/03", "2026-04-03 00:00:00 +0000"),
    ("2026-04-03T10:30:00Z", "2026-04-03 10:30:00 +0000"),
    ("2026-04-03t10:30:00z", "2026-04-03 10:30:00 +0000"),
    ("2026-04-03T10:30", "2026-04-03 10:30:00 +0000"),
    ("2026-04-03 10:30:00", "2026-04-03 10:30:00 +0000"),
    ("2026-04-03 10:30:00.123456", "2026-04-03 10:30:00 +0000"),
    ("2026-04-03T10:30:00.123456789Z", "2026-04-03 10:30:00 +0000"),
    ("2026-04-03T10:30:00+02:00", "2026-04-03 10:30:00 +0200"),
    ("2026-04-03T10:30:00-0530", "2026-04-03 10:30:00 -0530"),
    ("2026-04-03 10:30:00 +0200", "2026-04-03 10:30:00 +0200"),
    ("2026-04-03 10:30:00 UTC", "2026-04-03 10:30:00 +0000"),
    ("March 14, 2016", "2016-03-14 00:00:00 +0000"),
    ("14 March 2016", "2016-03-14 00:00:00 +0000"),
    ("3rd May 2026", "2026-05-03 00:00:00 +0000"),
    ("Apr 3 2026 5:07pm", "2026-04-03 17:07:00 +0000"),
    ("12 Dec 2026 12:15 AM", "2026-12-12 00:15:00 +0000"),
    ("03-Apr-2026", "2026-04-03 00:00:00 +0000"),
    ("Fri, 03 Apr 2026 10:30:00 +0200", "2026-04-03 10:30:00 +0200"),
    ("Fri, 03 Apr 2026 10:30:00 GMT", "2026-04-03 10:30:00 +0000"),
    ("Fri Apr  3 10:30:00 2026", "2026-04-03 10:30:00 +0000"),
    ("  2026-04-03  ", "2026-04-03 00:00:00 +0000"),
    ("1152098955", "2006-07-05 11:29:15 +0000"),
    (1152098955, "2006-07-05 11:29:15 +0000"),
    (0, "1970-01-01 00:00:00 +0000"),
    (-1, "1969-12-31 23:59:59 +0000"),
    (1152098955.75, "2006-07-05 11:29:15 +0000"),
    ("2024-02-29", "2024-02-29 00:00:00 +0000"),
    ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00 +0000"),
    ("9999-12-31", "9999-12-31 00:00:00 +0000"),
]


@pytest.mark.parametrize(("value", "moment"), MOMENTS)
def test_a_date_is_written_in_the_zone_it_was_given_in(value: object, moment: str) -> None:
    assert rendered(f"{{{{ at | date: '{WHOLE}' }}}}", {"at": value}) == moment
    assert rendered_html(f"{{{{ at | date: '{WHOLE}' }}}}", {"at": value}) == moment


AMBIGUOUS = [
    "03.04.2026", "3.4.2026", "03/04/2026", "3/4/26", "03-04-2026", "25.12.2026", "04/25/2026", "03.04.26",
    "03.04.2026 10:30", "20260403", "2026", "260403", "12",
]  # fmt: skip
NO_DATES = [
    "10:30", "10:30:00", "10.30", "May", "may 2026", "Monday", "Fri", "tomorrow", "yesterday", "noon", "next week",
    "abc", "3 April", "April 3", "2026-04", "2026-13-01", "2026-02-30", "2025-02-29", "2026-04-03T25:00",
    "2026-04-03 10:61", "2026-W14-5", "2026-04-03T10:30:00+99:00", "2026-04-03 10:30 Europe/Berlin",
    "13:00 pm 3 April 2026", "3 April 2026 13:00 pm", "-5", "1e9", "99999999999999999999", "9" * 400, "١٢٣٤٥٦٧٨٩",
    "2026-04-03" + " " * 200 + "x", True, [], {}, ["2026-04-03"], {"y": 2026}, 10**17, -(10**17), 1e300,
]  # fmt: skip


@pytest.mark.parametrize("value", AMBIGUOUS)
def test_what_may_be_two_days_is_refused_by_name(value: str) -> None:
    error = refused("{{ order.due | date: '%d %b' }}", {"order": {"due": value}})
    assert (error.reason, error.variable) == ("AMBIGUOUS_DATE", "order.due")
    assert value not in error.message.replace("2026-04-03", "")


@pytest.mark.parametrize("value", NO_DATES)
def test_what_is_no_day_is_refused_by_name(value: object) -> None:
    error = refused("{{ due | date: '%d %b' }}", {"due": value})
    assert (error.reason, error.variable) == ("NOT_A_DATE", "due")


@pytest.mark.parametrize("value", [None, "", "  "])
def test_null_and_blank_stay_blank(value: object) -> None:
    assert rendered("{{ due | date: '%d' }}", {"due": value}).strip() == ""


def test_an_empty_form_changes_nothing() -> None:
    assert rendered("{{ 'May' | date: '' }}{{ 'May' | date: nil }}") == "MayMay"


@pytest.mark.parametrize("now", ["'now'", "'today'", "now", "'NOW'"])
def test_now_is_the_time_of_the_rendering_in_utc(now: str) -> None:
    before = int(dt.datetime.now(dt.UTC).timestamp())
    told = int(rendered(f"{{{{ {now} | date: '%s' }}}}"))
    assert before <= told <= dt.datetime.now(dt.UTC).timestamp()


def test_today_is_a_day() -> None:
    days = {dt.datetime.now(dt.UTC).date().isoformat() for _ in range(2)}
    assert rendered("{{ today }}") in days
    assert rendered("{{ today | date: '%H:%M' }}") == "00:00"


FORMS = [
    ("%d.%m.%y", "03.04.26"),
    ("%-d. %B %Y", "3. April 2026"),
    ("%e|%k|%l|%I|%p|%P", " 3| 9| 9|09|AM|am"),
    ("%a %A %b %h %^a %^B", "Fri Friday Apr Apr FRI APRIL"),
    ("%j %U %W %V %G %g %u %w %C", "093 13 13 14 2026 26 5 5 20"),
    ("%H:%M:%S %-M %_H", "09:07:05 7  9"),
    ("%L %N %3N %6N", "042 042000000 042 042000"),
    ("%F %T|%R|%D|%x|%X|%r", "2026-04-03 09:07:05|09:07|04/03/26|04/03/26|09:07:05|09:07:05 AM"),
    ("%c", "Fri Apr  3 09:07:05 2026"),
    ("%s", "1775207225"),
    ("%z %:z %Z", "+0000 +00:00 UTC"),
    ("%10Y %05d %5e", "0000002026 00003     3"),
    ("100%% %n%t.", "100% \n\t."),
    ("%Q %! %", "%Q %! %"),
    ("plain", "plain"),
    ("é%dé", "é03é"),
]


@pytest.mark.parametrize(("form", "text"), FORMS)
def test_forms_are_written_as_liquid_writes_them(form: str, text: str) -> None:
    assert rendered("{{ at | date: form }}", {"at": "2026-04-03T09:07:05.042Z", "form": form}) == text


def test_offsets_and_years_keep_their_digits() -> None:
    at = {"at": "0987-06-05T04:03:02-03:30"}
    assert rendered("{{ at | date: '%Y %s %:z' }}", at) == "0987 -31007032018 -03:30"


def test_a_very_long_or_wide_form_is_bounded() -> None:
    assert refused("{{ 'now' | date: form }}", {"form": "%c" * 200}).reason == "RENDER_FAILED"
    assert len(rendered("{{ 'now' | date: '%99999Y' }}")) < 200


def test_no_warning_tells_a_value() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for value in [*AMBIGUOUS, *NO_DATES, "10:30 XYZT", "canary 2026", "3 April 2026 10:30 CANARY"]:
            refused("{{ due | date: '%d' }}", {"due": value})
    assert caught == []
