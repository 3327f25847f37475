"""The window in memory answers as its definition does, at a cost that does not grow with what it holds."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.rules.local_window import LocalWindow
from tests.router.window_model import WindowModel

KEYS, TOKENS = st.sampled_from("abc"), st.sampled_from([f"t{n}" for n in range(6)])
#: s between two admissions; some are decided at the same moment.
STEPS = st.sampled_from([0, 0, 0, 0.25, 1, 1, 2.5, 7, 10, 25])

NOTE = st.tuples(st.just("note"), KEYS, TOKENS, STEPS)
#: Whose, and how many admissions ago it was made; its token and time, or another's.
GIVE_BACK = st.tuples(st.just("give back"), KEYS, TOKENS, st.integers(0, 40))
#: How long before the last admission's moment it is asked: Redis's answer was on its way meanwhile.
ASK = st.tuples(st.just("ask"), KEYS, TOKENS, st.sampled_from([0, 0, 0.25, 3]))


@pytest.mark.parametrize("max_keys", [2, 100])
@given(steps=st.lists(st.one_of(NOTE, NOTE, NOTE, GIVE_BACK, ASK), max_size=120))
def test_it_answers_as_its_definition(max_keys: int, steps: list[tuple[str, str, str, Any]]) -> None:
    window, model = LocalWindow(10, max_keys), WindowModel(10, max_keys)
    now, noted = 0.0, [("a", "t0", 0.0)]
    for step, key, token, value in steps:
        if step == "note":
            now += value
            noted.append((key, token, now))
            for one in (window, model):
                one.note(key, token, 1, now)
        elif step == "give back":
            whose, what, when = noted[-1 - value % len(noted)]
            for one in (window, model):
                one.give_back(whose, what if value % 3 else token, 1, when)
        answers = [everything(one, key, token, now - value if step == "ask" else now) for one in (window, model)]
        assert answers[0] == answers[1]


def everything(window: LocalWindow | WindowModel, key: str, token: str, now: float) -> Any:
    """All that can be asked of it."""
    amounts = (0, 1, 2, 5, 20)
    return (
        len(window),
        window.holds(key, token, now),
        [window.left(key, amount, now) for amount in amounts],
        [window.wait(key, cost, amount, now) for cost in (1, 3) for amount in amounts],
    )


class Moment(float):
    """A time that counts how often any is compared."""

    compared: ClassVar[int] = 0
    __hash__ = float.__hash__

    def __add__(self, other: float) -> Moment:
        return Moment(float(self) + other)

    def __sub__(self, other: float) -> Moment:
        return Moment(float(self) - other)


class Token(str):
    """Likewise; both count in one sum."""

    __slots__ = ()
    __hash__ = str.__hash__


def _counting(kind: type, name: str) -> Any:
    compare = getattr(kind, name)

    def counted(self: object, other: object) -> Any:
        Moment.compared += 1
        return compare(self, other)

    return counted


for name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"):
    setattr(Moment, name, _counting(float, name))
    setattr(Token, name, _counting(str, name))


@pytest.mark.parametrize("held", [1_000, 15_000])
def test_what_is_held_makes_an_admission_no_dearer(held: int) -> None:
    window = LocalWindow(3600, max_keys=10)
    for number in range(held):
        window.note("k", Token(f"t{number}"), 1, Moment(number / 100))
    Moment.compared = 0
    now = Moment(held / 100)
    for number in range(500):
        token = Token(f"new-{number}")
        assert not window.holds("k", token, now)
        assert window.wait("k", 1, held + 1_000, now) == 0
        assert window.left("k", held + 1_000, now) == 1_000 - number
        window.note("k", token, 1, now)
    for number in range(0, 500, 2):
        window.give_back("k", Token(f"new-{number}"), 1, now)
    assert window.left("k", held + 1_000, now) == 750
    assert Moment.compared < 500 * 200


def test_places_that_leave_one_by_one_cost_no_more() -> None:
    window = LocalWindow(100, max_keys=10)
    for number in range(10_000):
        window.note("k", Token(f"t{number}"), 1, Moment(number / 100))
    Moment.compared = 0
    for number in range(10_000, 20_000):
        window.note("k", Token(f"t{number}"), 1, Moment(number / 100))
        assert window.left("k", 20_000, Moment(number / 100)) in (9_999, 10_000)
    assert Moment.compared < 10_000 * 200
