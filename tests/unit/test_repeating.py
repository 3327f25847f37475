"""Loops survive whatever is raised in them, say so once, rest ever longer, and say that they work again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.errors import Code, PulseError
from shared.repeating import LONGEST_PAUSE, Faults, keep_running, repeat
from tests.support.waiting import eventually

ERRORS = [
    KeyError("a"),
    PulseError(Code.INTERNAL, "INTERNAL", "broke"),
    OSError(24, "too many open files"),
    MemoryError(),
    RecursionError(),
    TimeoutError(),
    ExceptionGroup("several", [ValueError("b")]),
    StopAsyncIteration(),
]


class Once:
    """Raises what it was given, one after the other, and then works."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = iter(errors)
        self.calls = 0
        self.worked = 0

    async def __call__(self) -> None:
        self.calls += 1
        for error in self._errors:
            raise error
        self.worked += 1


@contextlib.contextmanager
def running(loop: Any) -> Iterator[asyncio.Task[Any]]:
    task = asyncio.ensure_future(loop)
    try:
        yield task
    finally:
        task.cancel()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_loop_goes_on_after_any_error_and_says_so_once(error: Exception) -> None:
    once = Once(error, error, error)
    with capture_logs() as logs, running(repeat("trying", once, 0.001)) as task:
        await eventually(lambda: once.worked > 3)
        assert not task.done()
    assert [line["event"] for line in logs] == ["a loop failed and goes on", "a loop works again"]
    assert {line["loop"] for line in logs} == {"trying"}


async def test_every_change_of_what_is_wrong_is_said() -> None:
    once = Once(KeyError(), KeyError(), ValueError(), KeyError())
    with capture_logs() as logs, running(repeat("trying", once, 0.001)):
        await eventually(lambda: once.worked > 1)
    assert [line["reason"] for line in logs[:-1]] == ["KeyError", "ValueError", "KeyError"]


async def test_a_loop_of_its_own_is_begun_again_until_it_returns() -> None:
    once = Once(KeyError(), ValueError())
    await keep_running("trying", once, 0.001)
    assert (once.calls, once.worked) == (3, 1)


@pytest.mark.parametrize("start", [lambda once: repeat("x", once, 5), lambda once: keep_running("x", once, 5)])
async def test_a_loop_that_is_cancelled_ends(start: Callable[[Once], Any]) -> None:
    once = Once(KeyError())
    with running(start(once)) as task:
        await eventually(lambda: once.calls == 1)
    await asyncio.wait({task})
    assert task.cancelled()


@pytest.mark.parametrize(("pause", "longest"), [(0.5, LONGEST_PAUSE), (60.0, 60.0)])
def test_it_rests_ever_longer_and_not_for_ever(pause: float, longest: float) -> None:
    faults = Faults("trying", pause)
    rests = [faults.failed(KeyError()) for _ in range(12)]
    assert rests[0] == pause and rests == sorted(rests) and rests[-1] == longest
    faults.worked()
    assert faults.failed(KeyError()) == pause
