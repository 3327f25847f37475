"""Which providers a worker avoids, by its own experience, others' word and operators' decisions."""

from __future__ import annotations

import datetime as dt

import pytest

from services.delivery.breaker import BreakerPolicy, BreakerState
from services.delivery.breakers import Breakers
from services.delivery.claim import Claim, Settlement
from services.delivery.provider_view import Directive, Override
from services.delivery.providers.base import Cause, Outcome, permanent, released, succeeded, transient, unanswered
from shared.clock import FixedClock
from tests.delivery.outgoing import claim

POLICY = BreakerPolicy(calls=10, least_calls=2, pause=5.0, probes=2)
FAILED = transient("421", "closing down")


class Bench:
    """Breakers of two providers, and what they did."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.handed_back: list[str] = []
        self.changes: list[tuple[str, BreakerState]] = []
        self.breakers = Breakers(
            {"smtp": "EMAIL", "ses": "EMAIL"},
            POLICY,
            FixedClock(dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
            hand_back=self.handed_back.append,
            watch=lambda name, state: self.changes.append((name, state)),
            now=lambda: self.now,
        )

    def end(self, outcome: Outcome, times: int = 1, held: Claim | None = None, latency: float = 0.1) -> None:
        for _ in range(times):
            self.breakers.ended(Settlement(held or claim(), outcome, latency))

    def say(self, **directive: object) -> None:
        self.breakers.follow([Directive("smtp", **directive), Directive("unknown", paused=True)])  # type: ignore[arg-type]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("outcome", "latency", "opens"),
    [
        (FAILED, 0.1, True),
        (unanswered("CUT", "cut"), 5.0, True),
        (transient("450", "greylisted", cause=Cause.RECIPIENT), 0.1, False),
        (permanent("550", "no such user"), 0.1, False),
        (succeeded("1"), 0.1, False),
        (released("WORKER_STOPPING", "stops"), 0.0, False),
        (FAILED, 0.0, False),  # nobody was called
    ],
)
def test_only_what_is_the_providers_own_doing_counts_against_it(
    bench: Bench, outcome: Outcome, latency: float, opens: bool
) -> None:
    bench.end(outcome, times=4, latency=latency)
    assert bench.breakers.avoided() == (frozenset({"smtp"}) if opens else frozenset())
    assert bench.handed_back == (["smtp"] if opens else [])


def test_what_an_unknown_provider_does_is_left_out(bench: Bench) -> None:
    bench.end(FAILED, times=5, held=claim(provider="pigeon"))
    assert bench.breakers.avoided() == frozenset()


def test_a_few_claims_try_a_provider_after_its_pause_and_close_it(bench: Bench) -> None:
    bench.end(FAILED, times=2)
    assert bench.breakers.begin_probe() is None
    bench.now += 5
    probe = bench.breakers.begin_probe()
    assert probe is not None
    assert (probe.providers, probe.count) == ({"smtp"}, 2)
    assert bench.breakers.begin_probe() is None, "all permits are out"
    first, second = claim(notification_id="a"), claim(notification_id="b")
    bench.breakers.claimed(probe, [first, second, claim(notification_id="c", provider="ses")])
    assert not bench.breakers.is_closed_to(first)
    assert bench.breakers.is_closed_to(claim(notification_id="x"))
    bench.end(succeeded("1"), held=first)
    assert bench.breakers.avoided() == {"smtp"}
    bench.end(succeeded("2"), held=second)
    assert bench.breakers.avoided() == frozenset()
    assert [state.name for _, state in bench.changes] == ["OPEN", "HALF_OPEN", "CLOSED"]


@pytest.mark.parametrize("claims", [[], [claim(provider="ses")]])
def test_permits_that_led_to_no_call_are_there_again(bench: Bench, claims: list[Claim]) -> None:
    bench.end(FAILED, times=2)
    bench.now += 5
    probe = bench.breakers.begin_probe()
    assert probe is not None
    bench.breakers.claimed(probe, claims)
    assert bench.breakers.begin_probe() == probe


def test_a_probe_that_is_given_back_unsent_gives_its_permit_back(bench: Bench) -> None:
    bench.end(FAILED, times=2)
    bench.now += 5
    probe = bench.breakers.begin_probe()
    assert probe is not None
    bench.breakers.claimed(probe, [held := claim()])
    assert bench.breakers.begin_probe() is not None
    bench.end(released("EXPIRED", "late"), held=held, latency=0.0)
    assert bench.breakers.begin_probe() is not None


@pytest.mark.parametrize(
    ("directive", "avoided"),
    [
        ({"paused": True}, True),
        ({"override": Override.FORCED_OPEN}, True),
        ({"others_open": True}, True),
        ({"override": Override.FORCED_CLOSED, "others_open": True}, False),
        ({}, False),
    ],
)
def test_what_operators_and_others_say_counts_for_a_provider_that_works(
    bench: Bench, directive: dict[str, object], avoided: bool
) -> None:
    bench.say(**directive)
    assert bench.breakers.avoided() == (frozenset({"smtp"}) if avoided else frozenset())
    assert ("smtp" in bench.handed_back) == avoided


def test_one_that_is_forced_closed_is_called_however_it_fails(bench: Bench) -> None:
    bench.say(override=Override.FORCED_CLOSED)
    bench.end(FAILED, times=5)
    assert bench.breakers.avoided() == frozenset()
    assert bench.handed_back == []
    assert bench.breakers.views()[0].state is BreakerState.OPEN, "what it found stays known"
    bench.say()
    assert bench.breakers.avoided() == {"smtp"}
    assert bench.handed_back == ["smtp"]


@pytest.mark.parametrize("directive", [{"paused": True}, {"override": Override.FORCED_OPEN}])
def test_what_an_operator_stopped_is_not_tried(bench: Bench, directive: dict[str, object]) -> None:
    bench.end(FAILED, times=2)
    bench.now += 5
    bench.say(**directive)
    assert bench.breakers.begin_probe() is None


def test_a_view_says_what_the_worker_itself_has_seen(bench: Bench) -> None:
    bench.say(others_open=True)
    bench.end(FAILED, times=2, held=claim(provider="ses"))
    smtp, ses = bench.breakers.views()
    assert (smtp.provider, smtp.channel, smtp.state) == ("smtp", "EMAIL", None), "others' word is not passed back"
    assert (ses.state, ses.reason) == (BreakerState.OPEN, "2 of the last 2 calls failed")
    assert ses.since == dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
