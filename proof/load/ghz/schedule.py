"""When calls begin and how many workers make them. Times are seconds since the start of the run."""

from __future__ import annotations

from collections.abc import Iterator

from proof.load.ghz.config import Config, Schedule


def due_times(config: Config) -> Iterator[float]:
    """When each call may begin at the earliest, one after the other; ends when the load has fallen to nothing."""
    if config.load.kind == "const":
        rate = config.rps
        hits = 0
        while True:
            yield hits / rate if rate else 0.0
            hits += 1
    yield from _stepped(config.load)


def _stepped(load: Schedule) -> Iterator[float]:
    """Within each step at an even rate; a call that would fall into the next step belongs to that one's rate."""
    step, owed = 0, 0.0  # owed: the share of a call that earlier steps have left over
    while True:
        rate, length = rate_of(load, step)
        if rate <= 0:
            return
        began = step * load.step_duration
        hits = 0
        while length is None or (hits + 1 - owed) / rate <= length + 1e-9:
            yield began + (hits + 1 - owed) / rate
            hits += 1
        owed += rate * (length or 0.0) - hits
        step += 1


def rate_of(load: Schedule, step: int) -> tuple[int, float | None]:
    """Calls a second in a step (from 0), and the step's length in s; None: from here on for good."""
    began = step * load.step_duration
    rate = load.start + load.step * step
    if load.max_duration and began >= load.max_duration:
        last = load.end or load.start + load.step * int(load.max_duration / load.step_duration)
        return last, None
    if not load.max_duration and load.end and _is_past(rate, load):
        return load.end, None
    return rate, load.step_duration


def workers(config: Config, elapsed: float) -> int:
    """How many workers there are at a time."""
    schedule = config.concurrency_schedule
    if schedule.kind == "const":
        return config.concurrency
    if schedule.max_duration and elapsed >= schedule.max_duration:
        elapsed = schedule.max_duration
        if schedule.end:
            return schedule.end
    count = schedule.start + schedule.step * int(elapsed / schedule.step_duration)
    if schedule.end and _is_past(count, schedule):
        return schedule.end
    return max(0, count)


def _is_past(value: int, schedule: Schedule) -> bool:
    return value >= schedule.end if schedule.step > 0 else value <= schedule.end
