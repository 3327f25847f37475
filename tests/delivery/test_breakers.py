"""Which providers a worker avoids, by its own experience, others' word and operators' decisions."""

from __future__ import annotations

import datetime as dt

import pytest

from services.delivery.rules.breaker import BreakerPolicy, BreakerState
from services.delivery.rules.breakers import Breakers
from services.delivery.rules.claim import ClaimedNotification, Device, Settlement
from services.delivery.rules.provider import Cause, Outcome, permanent, released, succeeded, transient, unanswered
from services.delivery.rules.provider_view import NONE_AVOIDED, Avoided, BreakerOverride, Directive
from services.delivery.rules.tenant_breakers import MOST_TENANTS
from shared.clock import FixedClock
from tests.delivery.outgoing import claim

POLICY = BreakerPolicy(calls=10, least_calls=2, pause=5.0, probes=2)
FAILED = transient("421", "closing down")


class Bench:
    """Breakers of two providers, and what they did."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.handed_back: list[tuple[str, str | None]] = []
        self.changes: list[tuple[str, BreakerState]] = []
        self.breakers = Breakers(
            {"smtp": "EMAIL", "ses": "EMAIL"},
            POLICY,
            FixedClock(dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
            hand_back=lambda name, tenant_id: self.handed_back.append((name, tenant_id)),
            watch=lambda name, state: self.changes.append((name, state)),
            now=lambda: self.now,
        )

    @property
    def avoided(self) -> frozenset[str]:
        """Providers that are avoided for all."""
        return self.breakers.avoided().by_all

    def end(
        self, outcome: Outcome, times: int = 1, held: ClaimedNotification | None = None, latency: float = 0.1
    ) -> None:
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
        (FAILED._replace(about_address=True), 0.1, False),
        (unanswered("CUT", "cut")._replace(about_address=True), 5.0, False),
        (succeeded("1"), 0.1, False),
        (released("WORKER_STOPPING", "stops"), 0.0, False),
        (FAILED, 0.0, False),  # nobody was called
    ],
)
def test_only_what_is_the_providers_own_doing_counts_against_it(
    bench: Bench, outcome: Outcome, latency: float, opens: bool
) -> None:
    bench.end(outcome, times=4, latency=latency)
    assert bench.avoided == (frozenset({"smtp"}) if opens else frozenset())
    assert bench.handed_back == ([("smtp", None)] if opens else [])


def test_what_an_unknown_provider_does_is_left_out(bench: Bench) -> None:
    bench.end(FAILED, times=5, held=claim(provider="pigeon"))
    assert bench.avoided == frozenset()


def test_a_few_claims_try_a_provider_after_its_pause_and_close_it(bench: Bench) -> None:
    bench.end(FAILED, times=2)
    assert bench.breakers.begin_probe([]) is None
    bench.now += 5
    probe = bench.breakers.begin_probe([])
    assert probe is not None
    assert (set(probe.providers), probe.count) == ({"smtp"}, 2)
    assert bench.breakers.begin_probe([]) is None, "all permits are out"
    first, second = claim(notification_id="a"), claim(notification_id="b")
    bench.breakers.claimed(probe, [first, second, claim(notification_id="c", provider="ses")])
    assert not bench.breakers.is_closed_to(first)
    assert bench.breakers.is_closed_to(claim(notification_id="x"))
    bench.end(succeeded("1"), held=first)
    assert bench.avoided == {"smtp"}
    bench.end(succeeded("2"), held=second)
    assert bench.avoided == frozenset()
    assert [state.name for _, state in bench.changes] == ["OPEN", "HALF_OPEN", "CLOSED"]


def test_one_of_several_devices_tries_its_provider_whatever_the_others_wait_for_or_go_by(bench: Bench) -> None:
    bench.end(FAILED, times=2)
    bench.now += 5
    probe = bench.breakers.begin_probe([])
    assert probe is not None
    tried, other, waiting = Device("1", "a", "smtp"), Device("2", "b", "ses"), Device("3", "c", "pigeon", waits=True)
    whole = claim(provider="ses", devices=[waiting, other, tried])
    bench.breakers.claimed(probe, [whole])
    parts = [whole._replace(provider=one.provider, devices=(one,)) for one in (waiting, other, tried)]
    bench.end(released("PROVIDER_AVOIDED", "it is not called now"), held=parts[0], latency=0.0)
    bench.end(succeeded("1"), held=parts[1])
    assert not bench.breakers.is_closed_to(parts[2])
    for _ in range(2):
        bench.end(succeeded("2"), held=parts[2])
    assert bench.avoided == frozenset()


@pytest.mark.parametrize("claims", [[], [claim(provider="ses")]])
def test_permits_that_led_to_no_call_are_there_again(bench: Bench, claims: list[ClaimedNotification]) -> None:
    bench.end(FAILED, times=2)
    bench.now += 5
    probe = bench.breakers.begin_probe([])
    assert probe is not None
    bench.breakers.claimed(probe, claims)
    assert bench.breakers.begin_probe([]) == probe


def test_a_probe_that_is_given_back_unsent_gives_its_permit_back(bench: Bench) -> None:
    bench.end(FAILED, times=2)
    bench.now += 5
    probe = bench.breakers.begin_probe([])
    assert probe is not None
    bench.breakers.claimed(probe, [held := claim()])
    assert bench.breakers.begin_probe([]) is not None
    bench.end(released("EXPIRED", "late"), held=held, latency=0.0)
    assert bench.breakers.begin_probe([]) is not None


@pytest.mark.parametrize(
    ("directive", "avoided"),
    [
        ({"paused": True}, True),
        ({"override": BreakerOverride.FORCED_OPEN}, True),
        ({"others_open": True}, True),
        ({"override": BreakerOverride.FORCED_CLOSED, "others_open": True}, False),
        ({}, False),
    ],
)
def test_what_operators_and_others_say_counts_for_a_provider_that_works(
    bench: Bench, directive: dict[str, object], avoided: bool
) -> None:
    bench.say(**directive)
    assert bench.avoided == (frozenset({"smtp"}) if avoided else frozenset())
    assert (("smtp", None) in bench.handed_back) == avoided


def test_one_that_is_forced_closed_is_called_however_it_fails(bench: Bench) -> None:
    bench.say(override=BreakerOverride.FORCED_CLOSED)
    bench.end(FAILED, times=5)
    assert bench.avoided == frozenset()
    assert bench.handed_back == []
    assert bench.breakers.views()[0].state is BreakerState.OPEN, "what it found stays known"
    bench.say()
    assert bench.avoided == {"smtp"}
    assert bench.handed_back == [("smtp", None)]


@pytest.mark.parametrize("directive", [{"paused": True}, {"override": BreakerOverride.FORCED_OPEN}])
def test_what_an_operator_stopped_is_not_tried(bench: Bench, directive: dict[str, object]) -> None:
    bench.end(FAILED, times=2)
    bench.now += 5
    bench.say(**directive)
    assert bench.breakers.begin_probe([]) is None


def test_a_view_says_what_the_worker_itself_has_seen(bench: Bench) -> None:
    bench.say(others_open=True)
    bench.end(FAILED, times=2, held=claim(provider="ses"))
    smtp, ses = bench.breakers.views()
    assert (smtp.provider, smtp.channel, smtp.state) == ("smtp", "EMAIL", None), "others' word is not passed back"
    assert (ses.state, ses.reason) == (BreakerState.OPEN, "2 of the last 2 calls failed")
    assert ses.since == dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def of(tenant_id: str) -> ClaimedNotification:
    """A claim of a tenant's."""
    return claim(tenant_id=tenant_id, notification_id=tenant_id)


def test_a_provider_that_fails_for_one_tenant_alone_is_avoided_for_that_tenant_alone(bench: Bench) -> None:
    bench.end(succeeded("1"), held=of("quiet"))
    bench.end(FAILED, times=20, held=of("loud"))
    assert bench.breakers.avoided() == Avoided(by_tenant=frozenset({("loud", "smtp")}))
    assert bench.handed_back == [("smtp", "loud")]
    assert bench.breakers.is_closed_to(of("loud"))
    assert not bench.breakers.is_closed_to(of("quiet"))
    assert bench.breakers.begin_probe([]) is None, "the provider itself needs no trying"


def test_a_tenant_whose_calls_fail_does_not_keep_a_failing_provider_open_to_all(bench: Bench) -> None:
    """Every tenant's last call counts as much as any other's."""
    bench.end(succeeded("1"), held=of("a"))
    bench.end(succeeded("1"), held=of("b"))
    bench.end(FAILED, held=of("loud"))
    bench.end(FAILED, held=of("a"))
    assert bench.avoided == frozenset()
    bench.end(FAILED, times=3, held=of("a"))
    bench.end(FAILED, times=3, held=of("b"))
    assert bench.avoided == {"smtp"}


def test_who_sent_long_ago_has_no_say(bench: Bench) -> None:
    bench.end(succeeded("1"), held=of("quiet"))
    bench.now += POLICY.window + 1
    bench.end(FAILED, times=2, held=of("loud"))
    assert bench.breakers.avoided() == Avoided(by_all=frozenset({"smtp"}))


def refs_of(tenants: str) -> list[tuple[str, str]]:
    """A notification for each letter: a is loud's, b quiet's."""
    names = {"a": "loud", "b": "quiet"}
    return [(names[letter], str(number)) for number, letter in enumerate(tenants)]


def test_a_tenant_is_tried_again_by_as_few_of_its_claims_as_a_provider_is(bench: Bench) -> None:
    bench.end(succeeded("1"), held=of("quiet"))
    bench.end(FAILED, times=2, held=of("loud"))
    assert bench.breakers.begin_probe(refs_of("aabb")) is None
    bench.now += POLICY.pause
    assert bench.breakers.avoided().holds("loud", "smtp"), "but for those"
    assert bench.breakers.begin_probe(refs_of("bb")) is None
    probe = bench.breakers.begin_probe(refs_of("babaa"))
    assert probe is not None
    assert probe.of(refs_of("babaa")) == [("loud", "1"), ("loud", "3")]
    assert bench.breakers.begin_probe(refs_of("a")) is None, "all permits are out"
    tried = [claim(tenant_id="loud", notification_id=str(number)) for number in (1, 3)]
    bench.breakers.claimed(probe, tried)
    assert not bench.breakers.is_closed_to(tried[0])
    assert bench.breakers.is_closed_to(of("loud"))
    for one in tried:
        bench.end(succeeded("2"), held=one)
    assert bench.breakers.avoided() == NONE_AVOIDED


def test_permits_of_a_tenant_that_led_to_no_call_are_there_again(bench: Bench) -> None:
    bench.end(succeeded("1"), held=of("quiet"))
    bench.end(FAILED, times=2, held=of("loud"))
    bench.now += POLICY.pause
    probe = bench.breakers.begin_probe(refs_of("aa"))
    assert probe is not None
    bench.breakers.claimed(probe, [claim(tenant_id="loud", notification_id="1", provider="ses")])
    assert bench.breakers.begin_probe(refs_of("aa")) == probe


def test_a_tenant_for_whom_it_goes_on_failing_waits_longer(bench: Bench) -> None:
    bench.end(succeeded("1"), held=of("quiet"))
    bench.end(FAILED, times=2, held=of("loud"))
    bench.now += POLICY.pause
    bench.end(FAILED, held=of("loud"))
    bench.now += POLICY.pause
    assert bench.breakers.begin_probe(refs_of("a")) is None
    bench.now += POLICY.pause
    assert bench.breakers.begin_probe(refs_of("a")) is not None


def test_a_try_that_fails_while_it_fails_for_all_ends_the_tenants_tries_too(bench: Bench) -> None:
    bench.end(succeeded("1"), held=of("quiet"))
    bench.end(FAILED, times=2, held=of("loud"))
    bench.now += POLICY.window + 1
    assert bench.breakers.begin_probe(refs_of("a")) is not None
    bench.end(FAILED, held=of("loud"))
    bench.now += POLICY.pause
    assert bench.breakers.begin_probe(refs_of("a")) is None


@pytest.mark.parametrize("between", [0, 1])
def test_however_many_others_send_a_tenant_that_fails_is_not_forgotten(bench: Bench, between: int) -> None:
    for attempt in range(4):
        bench.end(FAILED, held=of("loud"))
        for number in range(MOST_TENANTS * between):
            bench.end(succeeded("1"), held=of(f"tenant-{attempt}-{number}"))
    for number in range(MOST_TENANTS):
        bench.end(succeeded("1"), held=of(f"tenant-{number}"))
    bench.end(FAILED, times=2, held=of("loud"))
    for number in range(MOST_TENANTS):
        bench.end(succeeded("1"), held=of(f"late-{number}"))
    assert bench.breakers.avoided().holds("loud", "smtp")


@pytest.mark.parametrize(
    ("under_way", "whose", "avoided"),
    [
        (frozenset({"loud"}), "loud", Avoided(by_tenant=frozenset({("loud", "smtp")}))),
        (frozenset({"loud", "quiet"}), None, Avoided(by_all=frozenset({"smtp"}))),
    ],
)
def test_calls_that_hang_are_held_against_the_tenant_whose_they_all_are(
    bench: Bench, under_way: frozenset[str], whose: str | None, avoided: Avoided
) -> None:
    bench.end(succeeded("1"), held=of("quiet"))
    assert bench.breakers.stalled("smtp", 2.0, under_way) == whose
    assert bench.breakers.avoided() == avoided


def test_one_that_nobody_else_has_used_is_held_against_the_provider(bench: Bench) -> None:
    assert bench.breakers.stalled("smtp", 2.0, frozenset({"loud"})) is None
    assert bench.avoided == {"smtp"}


def test_one_that_is_forced_closed_is_called_for_every_tenant(bench: Bench) -> None:
    bench.say(override=BreakerOverride.FORCED_CLOSED)
    bench.end(succeeded("1"), held=of("quiet"))
    bench.end(FAILED, times=20, held=of("loud"))
    assert bench.breakers.avoided() == NONE_AVOIDED
    assert not bench.breakers.is_closed_to(of("loud"))


def test_only_so_many_tenants_are_remembered(bench: Bench) -> None:
    bench.end(succeeded("1"), held=of("quiet"))
    for number in range(MOST_TENANTS + 50):
        bench.end(FAILED, times=2, held=of(f"loud-{number}"))
        bench.end(succeeded("1"), times=2, held=of("quiet"))
    tenants = bench.breakers._providers["smtp"].tenants
    assert len(tenants._tenants) <= MOST_TENANTS
    assert len(tenants.avoided()) <= MOST_TENANTS
