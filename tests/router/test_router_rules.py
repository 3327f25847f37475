"""The pure rules: lanes, routes, times, local windows, the dispatch window."""

from __future__ import annotations

import datetime as dt

import pytest

from services.router.dispatch.window import Window
from services.router.rules.decisions import Decision
from services.router.rules.lane_choice import choose_lane
from services.router.rules.local_window import LocalWindow
from services.router.rules.provider_rates import Rate, Rates
from services.router.rules.quota import address_key, reservation_token, window_key
from services.router.rules.routes import choose_route, choose_start, parse_route
from services.router.rules.rulings import Facts, rule
from shared.channel.table import Channel
from shared.lane.names import Lane
from shared.packing import deal, pack

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
    route = parse_route("twilio,backup,twilio")
    assert route.providers == ("twilio", "backup")
    decision = choose_route(Channel.SMS, route, 0)
    assert (decision.rule, decision.result, decision.reason) == ("route", "twilio, backup", "The order set for SMS.")


@pytest.mark.parametrize("number", range(3))
def test_without_weights_the_first_is_always_first(number: int) -> None:
    assert parse_route("smtp,ses").draw(f"id-{number}") == 0


def test_with_weights_the_first_is_drawn_by_them_and_the_rest_follow() -> None:
    route = parse_route("smtp:3,ses:1,spare:0")
    drawn = [route.draw(f"id-{number}") for number in range(4_000)]
    assert drawn == [route.draw(f"id-{number}") for number in range(4_000)]
    assert 0.71 < drawn.count(0) / 4_000 < 0.79 and drawn.count(2) == 0
    assert route.beginning_with(1) == ("ses", "smtp", "spare")
    decision = choose_route(Channel.EMAIL, route, 1)
    assert decision.result == "ses, smtp, spare"
    assert "smtp 3, ses 1, spare 0" in decision.reason


def test_a_provider_without_a_weight_beside_others_with_one_has_one() -> None:
    assert parse_route("smtp:3,ses").weights == (3, 1)


@pytest.mark.parametrize("text", ["", "smtp,", "smtp:", "smtp:x", "smtp:-1", "SMTP", "a:0,b:0"])
def test_a_route_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="provider"):
        parse_route(text)


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


def test_what_goes_to_a_provider_with_a_bound_first_is_told_that_it_may_wait() -> None:
    facts = Facts((Channel.PUSH, Channel.SMS), (0, 0), None, None, "welcome", None)
    routes = {"PUSH": parse_route("fcm"), "SMS": parse_route("twilio,sns")}
    ruling = rule(facts, routes, Rates({"twilio": Rate(100, 1), "sns": Rate(5, 1)}), NOON)
    assert [decision for decision in ruling.decided if decision.rule == "limit"] == [
        Decision("limit", "in turn", "At most 100 per 1 s are given to twilio; what is above waits.")
    ]


def test_keys_keep_names_apart_however_they_are_cut() -> None:
    cuts = [("a", "bc", "EMAIL"), ("ab", "c", "EMAIL"), ("a", "b", "cEMAIL"), ("a", "bc", "PUSH")]
    assert len({window_key(*cut) for cut in cuts}) == len(cuts)
    assert (
        reservation_token("a", "k", "id-1")
        == reservation_token("a", "k", "id-2")
        != reservation_token("b", "k", "id-1")
    )
    assert reservation_token("a", "", "id-1") == "id-1"


class TestLocalWindow:
    """A sliding window log in memory."""

    def test_admits_the_limit_in_any_window_and_tells_the_wait(self) -> None:
        window = LocalWindow(60, max_keys=10)
        for second in (0, 10, 20):
            assert window.wait("k", 1, 3, second) == 0
            window.note("k", f"t{second}", 1, second)
        assert window.wait("k", 1, 3, 20) == 40
        assert window.wait("k", 1, 3, 60) > 0  # a place exactly a window old still counts
        assert window.wait("k", 1, 3, 60.01) == 0
        assert window.wait("k", 1, 1, 60.01) == pytest.approx(19.99)
        assert window.left("k", 3, 60.01) == 1
        assert window.wait("k", 1, 0, 60.01) == 60

    def test_knows_who_holds_a_place_and_takes_it_back(self) -> None:
        window = LocalWindow(60, max_keys=10)
        window.note("k", "t", 1, 0)
        assert window.holds("k", "t", 60) and not window.holds("k", "t", 61) and not window.holds("other", "t", 0)
        window.give_back("k", "unknown", 1, 0)
        window.give_back("k", "t", 1, 5)  # taken at another time: not this place
        assert window.holds("k", "t", 0)
        window.give_back("k", "t", 1, 0)
        assert not window.holds("k", "t", 0) and len(window) == 0

    def test_forgets_what_left_the_window(self) -> None:
        window = LocalWindow(60, max_keys=1_000)
        for second in range(500):
            window.note(f"user-{second}", "t", 1, second)
        assert len(window) == 61

    def test_forgets_the_oldest_beyond_its_bound(self) -> None:
        window = LocalWindow(60, max_keys=2)
        for second, key in enumerate(["a", "b", "a", "c"]):
            window.note(key, str(second), 1, second)
        assert window.holds("a", "2", 3) and window.holds("c", "3", 3) and not window.holds("b", "1", 3)


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


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (window_key("acme", "ada", "EMAIL"), "90b157309c44804d81814eb5ee341ee9"),
        (window_key("acme", "ada", "SMS", "otp"), "bf86b8fb65cfafc396eb2ecb0de3800e"),
        (window_key("", "ü1:", "PUSH"), "78fc2601719a3234f6f5dce1ce6f7e22"),
        (address_key("acme", "EMAIL", "Ada@Example.com"), "86c733edd725cb1e1828a5e458321bac"),
        (address_key("ü", "SMS", "+4915112345678"), "36c8125f77997d8c5097375769b64eeb"),
        (address_key("acme", "PUSH", "Tok:1"), "3826bad396dd6ca300dd77a173f3c822"),
        (reservation_token("acme", "key-1", "id"), "48fb71d272fa603a2e8213aaa0e664ba"),
        (reservation_token("ü", "k:é", "id"), "8ba87cc109b180384383b3a9857536b6"),
        (reservation_token("acme", "", "id"), "id"),
    ],
)
def test_routers_of_the_release_before_count_in_the_same_windows(key: str, expected: str) -> None:
    assert key == expected
