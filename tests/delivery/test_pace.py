"""LOW yields to HIGH where both want the same machine, and only there."""

from __future__ import annotations

import pytest

from services.delivery.worker.pace import BITE, Pace


class Time:
    """A clock that rests move on."""

    def __init__(self) -> None:
        self.now = 100.0
        self.rests: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.rests.append(round(seconds, 3))
        self.now += seconds

    def pace(self, share: float) -> Pace:
        """One that goes by this clock."""
        return Pace(share, self.monotonic, self.sleep)


@pytest.mark.parametrize(("share", "rests"), [(0.5, [0.02]), (0.2, [0.08]), (0.1, [0.18])])
async def test_claims_take_their_share_of_the_time_while_high_is_under_way(share: float, rests: list[float]) -> None:
    time = Time()
    pace = time.pace(share)
    await pace.claimed(0.02, high_under_way=True)
    assert (pace.chunk(125), time.rests) == (BITE, rests)


async def test_a_claim_that_was_slow_does_not_stop_it_for_long() -> None:
    time = Time()
    await time.pace(0.1).claimed(3.0, high_under_way=True)
    assert time.rests == [0.198]


async def test_it_goes_as_fast_as_it_can_while_there_is_no_high() -> None:
    time = Time()
    pace = time.pace(0.2)
    await pace.claimed(0.02, high_under_way=False)
    assert (pace.chunk(125), time.rests) == (125, [])


async def test_it_takes_a_bite_first_when_it_has_heard_nothing_lately() -> None:
    time = Time()
    pace = time.pace(0.2)
    assert pace.chunk(125) == BITE
    await pace.claimed(0.02, high_under_way=False)
    time.now += 1
    assert (pace.chunk(125), pace.chunk(4)) == (BITE, 4)


async def test_with_all_of_the_time_it_never_yields() -> None:
    time = Time()
    pace = time.pace(1.0)
    await pace.claimed(0.02, high_under_way=True)
    assert (pace.chunk(125), time.rests) == (125, [])
