"""Blocking providers in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from services.delivery.providers.base import Outcome, Outgoing, succeeded
from services.delivery.providers.threaded import ThreadedProvider
from tests.delivery.outgoing import outgoing, within
from tests.support import eventually


class Blocking:
    """Does in each call what it was made with; remembers the threads that it was called in."""

    name = "blocking"
    channel = "EMAIL"
    concurrency = 3

    def __init__(self, action: Callable[[Outgoing], Outcome]) -> None:
        self._action = action
        self.threads: set[int] = set()
        self.closed = False

    def send(self, given: Outgoing, deadline: float) -> Outcome:
        self.threads.add(threading.get_ident())
        return self._action(given)

    def close(self) -> None:
        self.closed = True


async def test_every_call_gets_its_own_answer() -> None:
    provider = ThreadedProvider(Blocking(lambda given: succeeded(given.notification_id)))
    calls = [outgoing() for _ in range(200)]
    answers = await asyncio.gather(*(provider.send(call, within()) for call in calls))
    assert [answer.provider_message_id for answer in answers] == [call.notification_id for call in calls]
    await provider.close()


async def test_threads_start_when_needed_and_are_used_again() -> None:
    blocking = Blocking(lambda _: succeeded("1"))
    provider = ThreadedProvider(blocking)
    for _ in range(5):
        await provider.send(outgoing(), within())
    assert len(blocking.threads) == 1
    await provider.close()
    assert blocking.closed


async def test_there_are_no_more_threads_than_calls_allowed_at_once() -> None:
    opened = threading.Event()
    blocking = Blocking(lambda _: succeeded(str(opened.wait(10))))
    provider = ThreadedProvider(blocking)
    calls = [asyncio.create_task(provider.send(outgoing(), within())) for _ in range(10)]
    await eventually(lambda: len(blocking.threads) == 3)
    opened.set()
    await asyncio.gather(*calls)
    assert len(blocking.threads) == 3
    await provider.close()


async def test_what_a_provider_raises_is_raised_to_its_caller_alone() -> None:
    def action(given: Outgoing) -> Outcome:
        if given.to == "bad":
            raise RuntimeError("broken")
        return succeeded("1")

    provider = ThreadedProvider(Blocking(action))
    with pytest.raises(RuntimeError, match="broken"):
        await provider.send(outgoing("bad"), within())
    assert (await provider.send(outgoing(), within())).provider_message_id == "1"
    await provider.close()


async def test_closing_does_not_wait_for_a_call_that_is_stuck() -> None:
    opened = threading.Event()
    blocking = Blocking(lambda _: succeeded(str(opened.wait(10))))
    provider = ThreadedProvider(blocking)
    call = asyncio.create_task(provider.send(outgoing(), within()))
    await eventually(lambda: blocking.threads)
    await asyncio.wait_for(provider.close(), 1)
    opened.set()
    await call
