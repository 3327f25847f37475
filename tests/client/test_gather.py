"""What threads of one program send at the same time goes in one call, which one of them makes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext

from proof.waiting import wait_until
from pulse_client import Client, PulseError, Request, Sent, connection
from pulse_client.gather.waiting import MOST_BYTES, MOST_IN_FLIGHT, MOST_REQUESTS, Ask, Waiting
from pulse_client.request import build
from tests.client.fake_gateway import FakeGateway, Notifications
from tests.client.gathered import ALL_KINDS, BATCH, BUSY, SEND, TRACE, away, keys, limit_dan, sizes, to, told

Spawn = Callable[..., Future[Sent]]
#: Of a version to come, which may say more.
LATER = f"01{TRACE[2:]}-more"


@pytest.fixture
def asked(gateway: FakeGateway) -> Notifications:
    """What the gateway is asked."""
    return gateway.notifications


@pytest.fixture
def pulse(gateway: FakeGateway) -> Iterator[Client]:
    with Client(gateway.address, timeout=30) as client:
        yield client


@pytest.fixture
def spawn(pulse: Client) -> Iterator[Spawn]:
    """Sends a request from a thread of its own."""
    with ThreadPoolExecutor(64) as threads:
        yield lambda request, **how: threads.submit(pulse.send, **how, **request)


def outcome(future: Future[Sent]) -> Any:
    return future.exception(30) or future.result()


def waiting(pulse: Client) -> int:
    """How many sends wait for a call."""
    assert pulse._gatherers is not None
    return sum(gatherer.waiting for gatherer in pulse._gatherers)


@pytest.fixture
def together(pulse: Client, asked: Notifications, spawn: Spawn) -> Iterator[Callable[..., list[Future[Sent]]]]:
    """Has requests go in one call: calls are at a gate that it leaves shut, until all requests wait behind them."""

    def send(*requests: Request, **how: Any) -> list[Future[Sent]]:
        asked.gate.shut(SEND, BATCH)
        for number in range(MOST_IN_FLIGHT):
            spawn(to(f"first-{number}"))
            wait_until(lambda number=number: asked.gate.count == number + 1)
        futures = []
        for request in requests:
            futures.append(spawn(request, **how))
            wait_until(lambda: waiting(pulse) == len(futures))
        return futures

    yield send
    asked.gate.open()


def test_one_that_is_alone_waits_for_nobody_and_is_a_plain_send(pulse: Client, asked: Notifications) -> None:
    for number in range(3):
        pulse.send(**to(f"user-{number}"))
    assert asked.calls == [SEND] * 3


def test_what_comes_while_calls_are_under_way_goes_in_the_next(
    together: Callable[..., list[Future[Sent]]], asked: Notifications
) -> None:
    futures = together(*(to(f"user-{number}") for number in range(7)))
    asked.gate.open()
    assert [asked.stored[outcome(one).notification_id].user_id for one in futures] == [f"user-{n}" for n in range(7)]
    assert asked.calls == [SEND] * MOST_IN_FLIGHT + [BATCH]


def test_each_has_the_outcome_that_it_has_alone(
    together: Callable[..., list[Future[Sent]]], pulse: Client, asked: Notifications
) -> None:
    kinds = [one for one in ALL_KINDS if "priority" not in one]
    limit_dan(asked)
    alone = [told(one) for one in pulse.send_many(kinds)]
    asked.stored.clear()
    limit_dan(asked)
    futures = together(*kinds)
    asked.gate.open()
    assert [told(outcome(one)) for one in futures] == alone
    assert sizes(asked) == [len(kinds)] * 2


def test_many_threads_have_all_their_answers(spawn: Spawn, asked: Notifications) -> None:
    futures = [spawn(to(f"user-{number}")) for number in range(400)]
    assert len({outcome(one).notification_id for one in futures}) == 400
    assert len(asked.calls) < 400


def test_it_can_be_turned_off(gateway: FakeGateway, asked: Notifications) -> None:
    with Client(gateway.address, gather=False) as pulse, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: pulse.send(**to(f"user-{number}")), range(20)))
    assert asked.calls == [SEND] * 20


def test_one_that_says_high_goes_past_what_waits(
    together: Callable[..., list[Future[Sent]]], spawn: Spawn, asked: Notifications
) -> None:
    low = together(to("low"))
    urgent = spawn(to("code", priority="HIGH"))
    wait_until(lambda: asked.gate.count == MOST_IN_FLIGHT + 1)
    asked.gate.open()
    assert isinstance(outcome(low[0]), Sent)
    assert isinstance(outcome(urgent), Sent)


def test_only_what_was_unavailable_is_tried_again_and_under_its_key(
    together: Callable[..., list[Future[Sent]]], asked: Notifications
) -> None:
    asked.refusals = {"bob@example.org": away(1), "cid@example.org": away(5)}
    ann, bob, cid = together(to("ann"), to("bob"), to("cid"))
    asked.gate.open()
    assert [type(outcome(one)) for one in (ann, bob, cid)] == [Sent, Sent, PulseError]
    assert [(len(keys(asked, name)), len({*keys(asked, name)})) for name in ("ann", "bob", "cid")] == [
        (1, 1),
        (3, 1),
        (5, 1),
    ]


def test_a_call_that_fails_gives_each_an_error_of_its_own(
    together: Callable[..., list[Future[Sent]]], asked: Notifications
) -> None:
    futures = together(to("ann"), to("bob"))
    asked.script.extend([BUSY] * 5)
    asked.gate.open()
    found = [outcome(one) for one in futures]
    assert [one.reason for one in found] == ["LEDGER_UNAVAILABLE"] * 2
    assert found[0] is not found[1]
    assert asked.calls.count(BATCH) == 5


def test_one_that_waits_ends_in_its_own_time(
    together: Callable[..., list[Future[Sent]]], spawn: Spawn, asked: Notifications
) -> None:
    patient = together(to("ann"), to("bob"))
    began = time.monotonic()
    error = outcome(spawn(to("hasty"), timeout=0.3))
    assert (error.code, error.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    assert 0.2 < time.monotonic() - began < 10
    asked.gate.open()
    assert [type(outcome(one)) for one in patient] == [Sent] * 2
    assert keys(asked, "hasty") == []


@pytest.mark.parametrize("place", [0, 2])
def test_one_that_goes_with_others_ends_in_its_own_time_and_they_in_theirs(
    together: Callable[..., list[Future[Sent]]], spawn: Spawn, asked: Notifications, pulse: Client, place: int
) -> None:
    patient = together(*(to(f"before-{number}") for number in range(place)))
    hasty = spawn(to("hasty"), timeout=1.5)
    wait_until(lambda: waiting(pulse) == place + 1)
    patient += [spawn(to(f"after-{number}")) for number in range(2 - place)]
    wait_until(lambda: waiting(pulse) == 3)
    asked.gate.open(SEND)
    wait_until(lambda: BATCH in asked.calls)
    assert outcome(hasty).reason == "DEADLINE_EXCEEDED"
    assert asked.gate.count == 1
    asked.gate.open()
    assert [type(outcome(one)) for one in patient] == [Sent] * 2
    assert sizes(asked) == [3]


class Interrupted(Exception):
    """Raised by a signal in the main thread, as time-outs of other libraries are."""


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Has :class:`Interrupted` raised in the main thread."""

    def stop(*_: Any) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, stop)
    yield lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("leads", [True, False])
def test_who_is_interrupted_does_not_disturb_the_others(
    together: Callable[..., list[Future[Sent]]],
    spawn: Spawn,
    asked: Notifications,
    pulse: Client,
    interrupt: Callable[[], None],
    leads: bool,
) -> None:
    """The main thread makes the call, as it waits longest, or is one of those that another makes it for."""
    others = together(to("ann"), to("bob"), timeout=20)

    def meanwhile() -> None:
        wait_until(lambda: waiting(pulse) == 3)
        asked.gate.open(SEND)
        wait_until(lambda: BATCH in asked.calls)
        interrupt()

    thread = threading.Thread(target=meanwhile)
    thread.start()
    with pytest.raises(Interrupted):
        pulse.send(**to("main"), timeout=60 if leads else 10)
    thread.join()
    asked.gate.open()
    assert [type(outcome(one)) for one in others] == [Sent] * 2
    assert len({one.idempotency_key for one in asked.stored.values()}) == len(asked.stored)
    assert isinstance(pulse.send(**to("again")), Sent)


def test_what_waits_and_what_is_under_way_ends_with_the_client(
    together: Callable[..., list[Future[Sent]]], pulse: Client, asked: Notifications
) -> None:
    futures = together(to("ann"), to("bob"))
    pulse.close()
    assert [outcome(one).code for one in futures] == [grpc.StatusCode.CANCELLED] * 2
    assert asked.calls == [SEND] * MOST_IN_FLIGHT
    with pytest.raises(ValueError, match="closed"):
        pulse.send(**to("late"))


def test_so_does_what_waits_to_be_tried_again(
    together: Callable[..., list[Future[Sent]]],
    pulse: Client,
    asked: Notifications,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "FIRST_BACKOFF_S", 20.0)
    monkeypatch.setattr(connection, "LONGEST_BACKOFF_S", 20.0)
    asked.refusals["bob@example.org"] = away(5)
    ann, bob = together(to("ann"), to("bob"))
    asked.gate.open()
    assert isinstance(outcome(ann), Sent)
    pulse.close()
    found = bob.exception(10)
    assert isinstance(found, PulseError) and found.code is grpc.StatusCode.CANCELLED


FORKED = """
import os, sys
from pulse_client import Client
with Client(sys.argv[1], timeout=20) as pulse:
    fields = {"template": "welcome", "to": "ann@example.org"}
    pulse.send(user_id="parent", **fields)
    with pulse._gatherers[1]._line().lock:  # as another thread may hold it at that moment
        child = os.fork()
    sent = pulse.send(user_id="parent" if child else "child", **fields)
    if not child:
        os.write(1, sent.notification_id.encode())
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_a_process_that_is_forked_sends_too(gateway: FakeGateway, asked: Notifications) -> None:
    """Where gRPC's own support for it is on: without it a channel cannot be used after a fork at all."""
    program = subprocess.run(
        [sys.executable, "-c", FORKED, gateway.address],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "GRPC_ENABLE_FORK_SUPPORT": "1"},
    )
    assert asked.stored[program.stdout].user_id == "child"
    assert [one.user_id for one in asked.requests].count("parent") == 2


def test_each_names_the_trace_that_it_is_part_of(
    together: Callable[..., list[Future[Sent]]], pulse: Client, asked: Notifications
) -> None:
    with trace.use_span(NonRecordingSpan(SpanContext(7, 9, is_remote=False))):
        pulse.send(**to("alone"))
    assert asked.metadata["traceparent"] == f"00-{7:032x}-{9:016x}-00"
    futures = together(to("ann"), to("bob", traceparent=TRACE))
    asked.gate.open()
    assert all(isinstance(outcome(one), Sent) for one in futures)
    assert list(asked.batches[0].traceparents) == ["", TRACE]


@pytest.mark.parametrize("none", ["nonsense", TRACE.upper(), f"{TRACE}\n", f"{TRACE}-" + "x" * 512, "\ud800", "00-é"])
def test_what_is_no_traceparent_is_as_good_as_none_and_disturbs_nobody(
    together: Callable[..., list[Future[Sent]]], pulse: Client, asked: Notifications, none: str
) -> None:
    assert isinstance(pulse.send(**to("alone", traceparent=none)), Sent)
    assert "traceparent" not in asked.metadata
    futures = together(to("ann", traceparent=none), to("bob", traceparent=LATER))
    asked.gate.open()
    assert all(isinstance(outcome(one), Sent) for one in futures)
    assert list(asked.batches[0].traceparents) == ["", LATER]


def test_a_large_batch_is_tried_again_as_well_as_a_small_one(pulse: Client, asked: Notifications) -> None:
    asked.script.extend([BUSY, BUSY])
    requests = [to(f"user-{number}", context={"text": "x" * 1_000}) for number in range(1_000)]
    assert {type(one) for one in pulse.send_many(requests, chunk=1_000)} == {Sent}
    assert asked.calls == [BATCH] * 3


def ask(length: int = 0, timeout: float | None = 10.0) -> Ask:
    return Ask(build(user_id="ann", template="welcome", context={"text": "x" * length}), timeout)


@pytest.mark.parametrize(
    ("lengths", "batches"),
    [
        ([0] * (MOST_REQUESTS + 1), [MOST_REQUESTS, 1]),
        ([MOST_BYTES, 0, 0], [1, 2]),
        ([0, MOST_BYTES, 0], [1, 1, 1]),
        ([MOST_BYTES // 2] * 3, [1, 1, 1]),
        ([MOST_BYTES // 2 - 500] * 3, [2, 1]),
        ([], [0]),
    ],
)
def test_what_waits_is_cut_by_its_number_and_its_size(lengths: list[int], batches: list[int]) -> None:
    waiting = Waiting[Ask]()
    for length in lengths:
        waiting.add(ask(length))
    assert [len(waiting.take()) for _ in batches] == batches
    assert len(waiting) == 0


def test_what_waits_has_a_bound_and_what_has_gone_makes_room() -> None:
    waiting = Waiting[Ask](most=3)
    for _ in range(2):
        for _ in range(3):
            waiting.add(ask())
        with pytest.raises(PulseError) as caught:
            waiting.add(ask())
        assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert len(waiting.take()) == 3


def test_what_could_not_go_is_the_first_to_go_then() -> None:
    waiting = Waiting[Ask]()
    asks = [ask() for _ in range(4)]
    for one in asks:
        waiting.add(one)
    taken = waiting.take()
    waiting.add(last := ask())
    waiting.put_back(taken[1:])
    assert waiting.take() == [*asks[1:], last]


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_pauses_between_tries_grow_to_a_bound_and_end(timeout: float | None) -> None:
    error = PulseError(grpc.StatusCode.UNAVAILABLE, "R", "m")
    one = ask(timeout=timeout)
    pauses = [one.pause(error) for _ in range(4)]
    assert all(0.07 <= pause / 2.0**number <= 0.13 for number, pause in enumerate(pauses))
    with pytest.raises(PulseError):
        one.pause(error)


@pytest.mark.parametrize("code", ["DEADLINE_EXCEEDED", "INTERNAL", "RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"])
def test_nothing_else_is_tried_again(code: str) -> None:
    with pytest.raises(PulseError):
        ask().pause(PulseError(grpc.StatusCode[code], "R", "m"))
