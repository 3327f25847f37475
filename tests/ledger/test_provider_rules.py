"""Which provider is chosen, and how what is told of providers is merged: the rules without a database."""

from __future__ import annotations

import datetime as dt

import pytest

from services.ledger.rules import deferrals
from services.ledger.rules.changes import begin
from services.ledger.rules.delivery import Guarantee
from services.ledger.rules.provider_choice import Choice, Obstacle, Providers, choose
from services.ledger.rules.provider_states import Breaker, BreakerOverride, Control, ProviderReport, merge
from services.ledger.rules.states import Status
from shared.channel.table import Channel
from tests.ledger.calls import TENANT
from tests.ledger.conftest import NOON
from tests.ledger.test_rules import fresh

PAUSED = Control(paused=True)
FORCED_OPEN, FORCED_CLOSED = (
    Control(override=BreakerOverride.FORCED_OPEN),
    Control(override=BreakerOverride.FORCED_CLOSED),
)


def delivery(route_index: int = 0, **fields):
    waiting = fresh(Guarantee.AT_LEAST_ONCE, 5, None)
    return waiting._replace(tenant_id=TENANT, route=["a", "b", "c"], route_index=route_index, **fields)


def chosen(one, providers: Providers, random: float = 0.5):
    """The provider's name, or the rule that stands against all of them."""
    choice = choose(one, providers, NOON, lambda: random)
    return one.route[choice.route_index] if isinstance(choice, Choice) else choice.rule


@pytest.mark.parametrize(
    ("route_index", "avoided", "controls", "slow", "expected"),
    [
        (0, "", {}, "", "a"),
        (1, "", {}, "", "b"),
        (2, "c", {}, "", "a"),
        (0, "a", {}, "", "b"),
        (0, "ab", {}, "", "c"),
        (0, "abc", {}, "", "breaker"),
        (0, "", {"provider/a": PAUSED}, "", "b"),
        (0, "b", {"provider/a": PAUSED}, "", "c"),
        (0, "bc", {"provider/a": PAUSED}, "", "pause"),
        (0, "", {"provider/a": FORCED_OPEN}, "", "b"),
        (0, "a", {"provider/a": FORCED_CLOSED}, "", "a"),
        (0, "abc", {"provider/b": FORCED_CLOSED}, "", "b"),
        (0, "", {"channel/EMAIL": PAUSED}, "", "pause"),
        (0, "", {"channel/EMAIL": PAUSED, "provider/a": FORCED_CLOSED}, "", "pause"),
        (0, "", {"channel/SMS": PAUSED}, "", "a"),
        (0, "", {}, "a", "b"),
        (0, "", {}, "ab", "c"),
        (0, "", {}, "abc", "a"),
        (0, "bc", {}, "a", "a"),
        (1, "", {}, "b", "c"),
    ],
)
def test_the_first_of_the_route_that_may_be_called_is(route_index, avoided, controls, slow, expected):
    providers = Providers(frozenset(avoided), controls, frozenset(slow))
    assert chosen(delivery(route_index), providers) == expected


@pytest.mark.parametrize(
    ("avoided_for", "controls", "expected"),
    [
        ({(TENANT, "a")}, {}, "b"),
        ({("other", "a")}, {}, "a"),
        ({(TENANT, "a"), (TENANT, "b"), (TENANT, "c")}, {}, "breaker"),
        ({(TENANT, "a")}, {"provider/a": FORCED_CLOSED}, "a"),
    ],
)
def test_one_that_fails_for_a_tenant_alone_is_passed_over_for_that_tenant(avoided_for, controls, expected):
    assert chosen(delivery(), Providers(controls=controls, avoided_for=frozenset(avoided_for))) == expected


def test_a_few_try_a_slow_provider_all_the_same():
    assert chosen(delivery(), Providers(slow=frozenset("a")), random=0.01) == "a"


@pytest.mark.parametrize(("since_last", "expected"), [(0.5, "breaker"), (2.5, "a"), (-0.5, "breaker")])
def test_a_round_does_not_begin_again_at_once(since_last: float, expected: str):
    retried = delivery(1, status=Status.RETRYING, last_attempt_at=NOON - dt.timedelta(seconds=since_last))
    assert chosen(retried, Providers(frozenset("bc"))) == expected


def test_it_is_told_why_it_is_not_the_one_whose_turn_it_was():
    def told(providers: Providers) -> list[tuple[str, str, str]]:
        choice = choose(delivery(), providers, NOON, lambda: 0.5)
        assert isinstance(choice, Choice)
        return [(one["rule"], one["result"], one["reason"]) for one in choice.decisions]

    assert told(Providers()) == []
    assert told(Providers(frozenset("a"))) == [("breaker", "b", "a fails too often")]
    for_one = Providers(avoided_for=frozenset({(TENANT, "a")}))
    assert told(for_one) == [("breaker", "b", "a fails too often for this tenant")]
    assert told(Providers(controls={"provider/a": PAUSED})) == [("pause", "b", "a is paused")]
    assert told(Providers(slow=frozenset("a"))) == [("route", "b", "receipts of a are slow")]


@pytest.mark.parametrize(
    ("rule", "waited", "seconds"),
    [
        ("breaker", 0, 1),
        ("breaker", 1, 1),
        ("breaker", 6, 3),
        ("breaker", 600, 5),
        ("pause", 30, 15),
        ("pause", 6000, 30),
        ("pause", -3600, 1),
    ],
)
def test_it_is_looked_at_again_after_half_the_time_it_has_waited(rule: str, waited: float, seconds: float):
    since = NOON - dt.timedelta(seconds=waited)
    change = deferrals.look_again(begin(delivery(deferred_at=since)), Obstacle(rule, ""), NOON)
    assert change.events == ()
    assert change.delivery.due_at == NOON + dt.timedelta(seconds=seconds)
    assert change.delivery.deferred_at == since


def told(breaker: Breaker, since: float = 0, provider: str = "a", channel: Channel = Channel.EMAIL) -> ProviderReport:
    return ProviderReport(provider, channel, breaker, f"since {since}", NOON + dt.timedelta(seconds=since))


@pytest.mark.parametrize(
    ("breakers", "worst"),
    [
        ([Breaker.CLOSED], Breaker.CLOSED),
        ([Breaker.CLOSED, Breaker.HALF_OPEN], Breaker.HALF_OPEN),
        ([Breaker.HALF_OPEN, Breaker.OPEN, Breaker.CLOSED], Breaker.OPEN),
    ],
)
def test_the_worst_that_any_worker_sees_counts(breakers: list[Breaker], worst: Breaker):
    (state,) = merge([told(breaker) for breaker in breakers], {}, ())
    assert state.breaker is worst


def test_the_first_to_see_it_so_says_why():
    (state,) = merge([told(Breaker.OPEN, 5), told(Breaker.OPEN, 2), told(Breaker.CLOSED, 0)], {}, ())
    assert (state.reason, state.since) == ("since 2", NOON + dt.timedelta(seconds=2))


def test_what_operators_decided_is_told_with_who_did_last():
    controls = {
        "provider/a": Control(False, BreakerOverride.FORCED_OPEN, "ada", NOON),
        "channel/EMAIL": Control(True, BreakerOverride.AUTOMATIC, "bob", NOON + dt.timedelta(seconds=1)),
    }
    first, second = merge([told(Breaker.CLOSED, provider="b"), told(Breaker.CLOSED)], controls, ["b"])
    assert (first.provider, first.override, first.paused, first.channel_paused, first.actor) == (
        *("a", BreakerOverride.FORCED_OPEN, False, True, "bob"),
    )
    assert (second.provider, second.override, second.receipts_slow) == ("b", BreakerOverride.AUTOMATIC, True)
