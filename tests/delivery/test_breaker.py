"""The circuit breaker's rules, under a clock that the tests move."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.delivery.rules.breaker import Breaker, BreakerPolicy, BreakerState

CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN
POLICY = BreakerPolicy(calls=20, window=30.0, least_calls=4, failure_share=0.5, pause=5.0, longest_pause=20.0, probes=2)


class Bench:
    """A breaker, its clock, and the states it came into."""

    def __init__(self, policy: BreakerPolicy = POLICY) -> None:
        self.now = 1000.0
        self.entered: list[BreakerState] = []
        self.breaker = Breaker(policy, lambda: self.now, self.entered.append)

    def do(self, steps: str) -> None:
        """``s`` succeeds, ``f`` fails, ``p`` begins a probe, ``e`` ends one, ``o`` and ``c`` hear that others see it
        open or closed, ``x`` stalls, a digit waits so many seconds."""
        for step in steps.replace(" ", ""):
            if step.isdigit():
                self.now += int(step)
            else:
                self._act(step)

    def _act(self, step: str) -> None:
        breaker = self.breaker
        actions = {
            "s": breaker.succeeded,
            "f": breaker.failed,
            "p": lambda: breaker.begin_probes(min(1, breaker.permits)),
            "e": breaker.end_probe,
            "o": lambda: breaker.hear(True),
            "c": lambda: breaker.hear(False),
            "x": lambda: breaker.stalled(2.0),
        }
        actions[step]()


@pytest.mark.parametrize(
    ("steps", "state", "why"),
    [
        ("", CLOSED, "it begins closed"),
        ("fff", CLOSED, "too few calls prove nothing"),
        ("ffff", OPEN, "half of enough calls failed"),
        ("ssff", OPEN, "half of enough calls failed, the last among them"),
        ("sssff", CLOSED, "less than half failed"),
        ("sssfff", OPEN, "half failed"),
        ("ffs f", OPEN, "three of four failed"),
        ("fff 9999 f", CLOSED, "what is older than the window does not count"),
        ("fff 9 99 f", OPEN, "what is within the window does"),
        ("s" * 40 + "f" * 9, CLOSED, "9 of the last 20 calls failed"),
        ("s" * 40 + "f" * 10, OPEN, "10 of the last 20 calls failed, however many there were"),
        ("ffff 4", OPEN, "the pause is not over"),
        ("ffff 5", HALF_OPEN, "the pause is over"),
        ("ffff 4 sss", OPEN, "calls begun before it opened do not close it"),
        ("ffff 5 ps", HALF_OPEN, "one success of two"),
        ("ffff 5 ps ps", CLOSED, "both probes succeeded"),
        ("ffff 5 ps pf", OPEN, "a probe failed"),
        ("ffff 5 pf 9", OPEN, "the second pause is twice as long"),
        ("ffff 5 pf 91", HALF_OPEN, "and ends"),
        ("ffff 5 pf 91 pf 991", OPEN, "the third has the longest pause"),
        ("ffff 5 pf 91 pf 992", HALF_OPEN, "and ends"),
        ("ffff 5 pf 91 pf 992 pf 992", HALF_OPEN, "which the fourth does not exceed"),
        ("ffff 5 psps ffff 4", OPEN, "after it closed the first pause counts again"),
        ("ffff 5 psps ffff 5", HALF_OPEN, "and ends"),
        ("ffff 5 psps f", CLOSED, "what led to its opening is forgotten"),
        ("ffff 5 pe 992", CLOSED, "nobody had anything to send by it for the longest pause"),
        ("ffff 5 p 992", HALF_OPEN, "a probe is under way"),
        ("x", OPEN, "no call ends"),
        ("ffff 5 x 9", OPEN, "no probe ends: the pause doubles"),
        ("o", OPEN, "others see it open and it knows nothing"),
        ("so", CLOSED, "its own experience counts for more"),
        ("s 9999 o", OPEN, "unless that is too old"),
        ("oc", HALF_OPEN, "others no longer see it open"),
        ("o 5", HALF_OPEN, "it tries for itself after a pause"),
        ("o 5 psps o", CLOSED, "its own probes succeeded, and others' word is old"),
        ("ffff c", OPEN, "its own experience counts for more"),
    ],
)
def test_a_breaker_is(steps: str, state: BreakerState, why: str) -> None:
    bench = Bench()
    bench.do(steps)
    assert bench.breaker.state is state, why


def test_each_new_state_is_told_once_with_its_reason() -> None:
    bench = Bench()
    bench.do("ffff")
    assert bench.breaker.reason == "4 of the last 4 calls failed"
    bench.do("5")
    assert bench.breaker.permits == 2
    bench.do("psps")
    assert bench.entered == [OPEN, HALF_OPEN, CLOSED]


@pytest.mark.parametrize(
    ("steps", "permits"),
    [("", 0), ("ffff", 0), ("ffff5", 2), ("ffff5p", 1), ("ffff5pp", 0), ("ffff5ppe", 1), ("ffff5pse", 1)],
)
def test_permits_are_for_as_many_probes_as_are_still_needed(steps: str, permits: int) -> None:
    bench = Bench()
    bench.do(steps)
    assert bench.breaker.permits == permits


@pytest.mark.parametrize(
    ("steps", "adopted"), [("o", True), ("o5", True), ("oc", True), ("o5ps", False), ("ffff", False)]
)
def test_what_is_only_others_word_is_told_from_own_experience(steps: str, adopted: bool) -> None:
    bench = Bench()
    bench.do(steps)
    assert bench.breaker.state is not CLOSED
    assert bench.breaker.adopted is adopted


class AnyCourse(RuleBasedStateMachine):
    """Whatever happens in whatever order, the breaker keeps its promises."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.probing = 0

    @rule(seconds=st.floats(0.01, 40))
    def wait(self, seconds: float) -> None:
        self.bench.now += seconds

    @rule(step=st.sampled_from("sfocx"))
    def happens(self, step: str) -> None:
        self.bench.do(step)

    @precondition(lambda self: self.bench.breaker.permits)
    @rule()
    def probe(self) -> None:
        self.bench.do("p")
        self.probing += 1

    @precondition(lambda self: self.probing)
    @rule(ends=st.sampled_from(["e", "es", "ef"]))
    def probe_ends(self, ends: str) -> None:
        self.bench.do(ends)
        self.probing -= 1

    @invariant()
    def probes_are_few(self) -> None:
        assert 0 <= self.bench.breaker.permits <= POLICY.probes
        assert self.probing <= POLICY.probes

    @invariant()
    def states_follow_each_other_as_they_may(self) -> None:
        allowed = {CLOSED: {OPEN}, OPEN: {HALF_OPEN}, HALF_OPEN: {OPEN, CLOSED}}
        course = [CLOSED, *self.bench.entered]
        assert all(after in allowed[before] for before, after in itertools.pairwise(course))

    @invariant()
    def an_open_one_is_tried_again_within_the_longest_pause(self) -> None:
        if self.bench.breaker.state is OPEN:
            later = self.bench.now + POLICY.longest_pause
            assert self.bench.breaker._until <= later


AnyCourse.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestAnyCourse = AnyCourse.TestCase
