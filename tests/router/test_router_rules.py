"""The pure rules: lanes, routes, times, local windows, the dispatch window."""

from __future__ import annotations

import datetime as dt

import pytest

from services.router.batches import deal, pack
from services.router.lanes import Lane, choose_lane
from services.router.local_window import LocalWindow, share
from services.router.quota import Limit, place_token, window_key
from services.router.routes import choose_route, choose_start, parse_route
from services.router.window import Window

HIGH, LOW = Lane.HIGH, Lane.LOW
NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("requested", "template", "name", "lane", "reason"),
    [
        (HIGH, LOW, "newsletter", "HIGH", "The request asks for it."),
        (LOW, HIGH, "otp", "LOW", "The request asks for it."),
        (None, HIGH, "newsletter", "HIGH", "The template says so."),
        (None, LOW, "otp", "LOW", "The template says so."),
        (None, None, "login_otp", "HIGH", 'The template\'s name contains "otp".'),
        (None, None, "OTP", "HIGH", 'The template\'s name contains "otp".'),
        (None, None, "Email-Verification.v2", "HIGH", 'The template\'s name contains "verification".'),
        (None, None, "my2FAcode", "HIGH", 'The template\'s name contains "2fa".'),
        (None, None, "verify", "LOW", "Nothing asks for haste."),
        (None, None, "newsletter", "LOW", "Nothing asks for haste."),
    ],
)
def test_the_lane_follows_the_request_then_the_template_then_its_name(
    requested: Lane | None, template: Lane | None, name: str, lane: str, reason: str
) -> None:
    decision = choose_lane(requested, template, name)
    assert (decision.rule, decision.result, decision.reason) == ("lane", lane, reason)


def test_a_route_keeps_its_order_and_names_each_provider_once() -> None:
    assert parse_route("twilio,backup,twilio") == ("twilio", "backup")
    decision = choose_route("SMS", {"SMS": ("twilio", "backup")})
    assert (decision.rule, decision.result) == ("route", "twilio, backup")


@pytest.mark.parametrize(
    ("send_at", "result"),
    [
        (None, "at once"),
        (NOON - dt.timedelta(seconds=1), "at once"),
        (NOON, "at once"),
        (NOON + dt.timedelta(seconds=1), "2026-11-01T12:00:01Z"),
    ],
)
def test_only_a_time_to_come_puts_off(send_at: dt.datetime | None, result: str) -> None:
    decision = choose_start(send_at, NOON)
    assert (decision.rule, decision.result) == ("schedule", result)


def test_keys_keep_names_apart_however_they_are_cut() -> None:
    cuts = [("a", "bc", "EMAIL"), ("ab", "c", "EMAIL"), ("a", "b", "cEMAIL"), ("a", "bc", "PUSH")]
    assert len({window_key(*cut) for cut in cuts}) == len(cuts)
    assert place_token("a", "k", "id-1") == place_token("a", "k", "id-2") != place_token("b", "k", "id-1")
    assert place_token("a", "", "id-1") == "id-1"


class TestLocalWindow:
    """A sliding window log in memory."""

    def test_admits_the_limit_in_any_window_and_tells_the_wait(self) -> None:
        window = LocalWindow(60, max_keys=10)
        for second in (0, 10, 20):
            assert window.wait("k", 3, second) == 0
            window.note("k", f"t{second}", second)
        assert window.wait("k", 3, 20) == 40
        assert window.wait("k", 3, 60) > 0  # a place exactly a window old still counts
        assert window.wait("k", 3, 60.01) == 0
        assert window.wait("k", 1, 60.01) == pytest.approx(19.99)

    def test_knows_who_holds_a_place_and_takes_it_back(self) -> None:
        window = LocalWindow(60, max_keys=10)
        window.note("k", "t", 0)
        assert window.holds("k", "t", 60) and not window.holds("k", "t", 61) and not window.holds("other", "t", 0)
        window.give_back("k", "unknown")
        window.give_back("k", "t")
        assert not window.holds("k", "t", 0) and len(window) == 0

    def test_forgets_what_left_the_window(self) -> None:
        window = LocalWindow(60, max_keys=1_000)
        for second in range(500):
            window.note(f"user-{second}", "t", second)
        assert len(window) == 61

    def test_forgets_the_oldest_beyond_its_bound(self) -> None:
        window = LocalWindow(60, max_keys=2)
        for second, key in enumerate(["a", "b", "a", "c"]):
            window.note(key, str(second), second)
        assert window.holds("a", "2", 3) and window.holds("c", "3", 3) and not window.holds("b", "1", 3)

    @pytest.mark.parametrize(("replicas", "each"), [(1, 10), (2, 5), (3, 3), (10, 1)])
    def test_shares_never_add_up_to_more_than_the_limit(self, replicas: int, each: int) -> None:
        assert share(Limit(10, 60), replicas) == each
        assert each * replicas <= 10


class TestWindow:
    """The dispatch window."""

    def test_grants_no_more_than_its_capacity(self) -> None:
        window = Window(100, typical=50)
        assert (window.reserve(60), window.reserve(60), window.reserve(1)) == (60, 40, 0)
        window.release(10)
        assert window.room == 10

    def test_what_was_published_counts_until_it_is_taken(self) -> None:
        window = Window(100, typical=50)
        window.reserve(90)
        window.published(50)
        window.published(40)
        assert (window.room, window.tasks) == (10, 2)
        window.measured(1)  # first in, first out: the 40 are left
        assert (window.room, window.tasks) == (60, 1)
        window.measured(0)
        assert window.room == 100

    def test_tasks_of_other_routers_are_taken_to_be_like_its_own(self) -> None:
        window = Window(100, typical=50)
        window.measured(1)
        assert window.room == 50
        window.reserve(10)
        window.published(10)
        window.measured(3)
        assert window.room == 70

    def test_is_closed_while_the_broker_cannot_be_reached(self) -> None:
        window = Window(100, typical=50)
        window.close()
        assert window.reserve(1) == 0
        window.measured(0)
        assert window.reserve(1) == 1


class TestBatches:
    """Groups put together and taken apart."""

    def test_batches_keep_order_and_bounds(self) -> None:
        groups = [[1, 2, 3], [4], [], [5, 6, 7]]
        assert list(pack(groups, 3)) == [[1, 2, 3], [4, 5, 6], [7]]
        assert list(pack(groups, 9, weigh=lambda one: one, heaviest=7)) == [[1, 2, 3], [4], [5], [6], [7]]
        assert list(pack([[9], [1]], 9, weigh=lambda one: one, heaviest=7)) == [[9], [1]]
        assert list(pack([], 3)) == []

    def test_outcomes_are_dealt_to_the_groups_they_came_from(self) -> None:
        assert deal("abcdefg", [[1, 2, 3], [4], [], [5, 6, 7]]) == [["a", "b", "c"], ["d"], [], ["e", "f", "g"]]
