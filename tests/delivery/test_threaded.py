"""Blocking providers in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from services.delivery.providers.base.call import current
from services.delivery.providers.base.threaded import ThreadedProvider
from services.delivery.rules.provider import Outcome, OutcomeKind, Outgoing, succeeded
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


async def _ended(provider: ThreadedProvider, calls: int, seconds: float = 0.1) -> list[tuple[OutcomeKind, str]]:
    outcomes = await asyncio.gather(*(provider.send(outgoing(), within(seconds)) for _ in range(calls)))
    return [(outcome.kind, outcome.code) for outcome in outcomes]


async def test_threads_that_hang_are_replaced_until_as_many_hang_again_and_none_is_lost_for_good() -> None:
    opened = threading.Event()
    blocking = Blocking(lambda _: succeeded(str(opened.wait(30))))
    provider = ThreadedProvider(blocking)
    for _ in range(2):
        assert await _ended(provider, 3) == [(OutcomeKind.UNANSWERED, "CALL_OVERDUE")] * 3
    assert len(blocking.threads) == 6
    assert await _ended(provider, 3) == [(OutcomeKind.RELEASED, "PROVIDER_STALLED")] * 3, "it was not called"
    opened.set()
    assert await _ended(provider, 20, 5) == [(OutcomeKind.SUCCEEDED, "")] * 20
    assert len(blocking.threads) == 6
    await provider.close()


async def test_a_call_that_hangs_before_a_byte_went_out_is_certain() -> None:
    opened = threading.Event()

    def action(_: Outgoing) -> Outcome:
        current().begin_request()  # as the search for a host's address, which nothing can end
        return succeeded(str(opened.wait(30)))

    provider = ThreadedProvider(Blocking(action))
    assert await _ended(provider, 1) == [(OutcomeKind.TRANSIENT_FAILURE, "CALL_OVERDUE")]
    opened.set()
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
