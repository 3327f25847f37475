"""A worker whose event loop stands still looks dead, and alive again when it moves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from services.delivery.worker.loop_watch import LoopWatch


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


def test_a_loop_that_stands_still_is_told_and_so_is_its_end(loop: asyncio.AbstractEventLoop) -> None:
    stands, moves, free = threading.Event(), threading.Event(), threading.Event()
    watch = LoopWatch(loop, stands.set, moves.set, ask_seconds=0.01, patience_seconds=0.2)
    watch.start()
    try:
        loop.call_soon_threadsafe(free.wait)
        assert stands.wait(20)
        assert not moves.is_set()
        free.set()
        assert moves.wait(20)
    finally:
        free.set()
        watch.stop()


def test_a_loop_that_moves_is_left_alone(loop: asyncio.AbstractEventLoop) -> None:
    asked, stands = threading.Semaphore(0), threading.Event()
    call_soon = loop.call_soon_threadsafe
    watch = LoopWatch(loop, stands.set, lambda: None, ask_seconds=0.001, patience_seconds=20)
    loop.call_soon_threadsafe = lambda *args: (asked.release(), call_soon(*args))[1]  # type: ignore[method-assign]
    watch.start()
    assert all(asked.acquire(timeout=20) for _ in range(5))
    watch.stop()
    assert not stands.is_set()


def test_it_can_be_stopped_before_it_was_started_and_while_the_loop_stands(loop: asyncio.AbstractEventLoop) -> None:
    LoopWatch(loop, lambda: None, lambda: None).stop()
    stands, free = threading.Event(), threading.Event()
    watch = LoopWatch(loop, stands.set, lambda: None, ask_seconds=0.01, patience_seconds=0.05)
    watch.start()
    loop.call_soon_threadsafe(free.wait)
    assert stands.wait(20)
    watch.stop()
    free.set()
