"""What tasks of one program send at the same time goes in one call, and each has what it would have had alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Any

import grpc
import grpc.aio
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from pulse_client import AsyncClient, PulseError, Request, Sent, connection
from pulse_client.gather.waiting import MOST_BYTES, MOST_IN_FLIGHT, MOST_REQUESTS, MOST_WAITING_BYTES
from tests.client.fake_gateway import FakeGateway, Notifications
from tests.client.gathered import ALL_KINDS, BATCH, BUSY, SEND, TRACE, away, keys, limit_dan, sizes, to, told
from tests.support import eventually


@pytest.fixture
def asked(gateway: FakeGateway) -> Notifications:
    """What the gateway is asked."""
    return gateway.notifications


@pytest.fixture
async def pulse(gateway: FakeGateway) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(gateway.address, api_key="secret", timeout=30) as client:
        yield client


async def outcomes(sends: Iterable[Awaitable[Sent]]) -> list[Any]:
    return list(await asyncio.gather(*sends, return_exceptions=True))


async def fill(pulse: AsyncClient, asked: Notifications) -> list[asyncio.Task[Sent]]:
    """Shuts the gate and has as many calls wait at it as may be under way."""
    asked.gate.shut(SEND, BATCH)
    tasks = []
    for number in range(MOST_IN_FLIGHT):
        tasks.append(asyncio.create_task(pulse.send(**to(f"first-{number}"))))
        await eventually(lambda: asked.gate.count == len(tasks))
    return tasks


async def test_one_that_is_alone_waits_for_nobody_and_is_a_plain_send(pulse: AsyncClient, asked: Notifications) -> None:
    for number in range(3):
        await pulse.send(**to(f"user-{number}"))
    assert asked.calls == [SEND] * 3


async def test_what_is_sent_at_once_goes_in_one_call(pulse: AsyncClient, asked: Notifications) -> None:
    found = await outcomes(pulse.send(**to(f"user-{number}")) for number in range(50))
    assert asked.calls == [BATCH]
    assert asked.metadata["authorization"] == "Bearer secret"
    of = {asked.stored[one.notification_id].user_id for one in found}
    assert [asked.stored[one.notification_id].user_id for one in found] == [f"user-{number}" for number in range(50)]
    assert len(of) == 50


async def test_what_comes_while_calls_are_under_way_goes_in_the_next(pulse: AsyncClient, asked: Notifications) -> None:
    first = await fill(pulse, asked)
    later = [asyncio.create_task(pulse.send(**to(f"later-{number}"))) for number in range(7)]
    await asyncio.sleep(0)
    asked.gate.open()
    await asyncio.gather(*first, *later)
    assert asked.calls == [SEND] * MOST_IN_FLIGHT + [BATCH]
    assert sizes(asked) == [7]


async def test_each_has_the_outcome_that_it_has_alone(pulse: AsyncClient, asked: Notifications) -> None:
    limit_dan(asked)
    alone = [(await outcomes([pulse.send(**one)]))[0] for one in ALL_KINDS]
    assert asked.calls == [SEND] * len(ALL_KINDS)
    asked.stored.clear()
    limit_dan(asked)
    together = await outcomes(pulse.send(**one) for one in ALL_KINDS)
    assert sizes(asked) == [len(ALL_KINDS) - 1]  # but for the one that says HIGH
    assert [told(one) for one in together] == [told(one) for one in alone]


async def test_it_can_be_turned_off(gateway: FakeGateway, asked: Notifications) -> None:
    async with AsyncClient(gateway.address, gather=False) as pulse:
        await asyncio.gather(*(pulse.send(**to(f"user-{number}")) for number in range(5)))
    assert asked.calls == [SEND] * 5


async def test_one_that_says_high_goes_past_what_waits(pulse: AsyncClient, asked: Notifications) -> None:
    first = await fill(pulse, asked)
    waiting = [asyncio.create_task(pulse.send(**to(f"low-{number}"))) for number in range(3)]
    urgent = asyncio.create_task(pulse.send(**to("code", priority="HIGH")))
    await eventually(lambda: asked.gate.count == MOST_IN_FLIGHT + 1)
    asked.gate.open()
    await asyncio.gather(*first, *waiting, urgent)
    assert asked.calls[MOST_IN_FLIGHT] == SEND
    assert sizes(asked) == [3]


async def test_a_call_holds_no_more_than_a_gateway_takes(pulse: AsyncClient, asked: Notifications) -> None:
    await asyncio.gather(*(pulse.send(**to(f"user-{number}")) for number in range(MOST_REQUESTS + 5)))
    assert sorted(sizes(asked)) == [5, MOST_REQUESTS]


@pytest.mark.parametrize("length", [60_000, MOST_BYTES - 1_000, MOST_BYTES + 1])
async def test_nor_more_bytes_than_one_send_may_have(pulse: AsyncClient, asked: Notifications, length: int) -> None:
    big = {"context": {"text": "x" * length}}
    await asyncio.gather(*(pulse.send(**to(f"user-{number}", **big)) for number in range(20)))
    assert len(asked.requests) == 20
    assert all(batch.ByteSize() <= MOST_BYTES for batch in asked.batches)
    assert asked.calls.count(SEND) == (0 if length < MOST_BYTES // 2 else 20)


async def test_only_what_was_unavailable_is_tried_again_and_under_its_key(
    pulse: AsyncClient, asked: Notifications
) -> None:
    asked.refusals["bob@example.org"] = away(1)
    found = await outcomes(pulse.send(**to(name)) for name in ("ann", "bob", "cid"))
    assert [isinstance(one, Sent) for one in found] == [True] * 3
    assert [len(keys(asked, name)) for name in ("ann", "bob", "cid")] == [1, 3, 1]
    assert len({*keys(asked, "bob")}) == 1


async def test_trying_one_again_has_an_end(pulse: AsyncClient, asked: Notifications) -> None:
    asked.refusals["bob@example.org"] = away(5)
    ann, bob = await outcomes(pulse.send(**to(name)) for name in ("ann", "bob"))
    assert isinstance(ann, Sent)
    assert (bob.code, bob.reason) == (grpc.StatusCode.UNAVAILABLE, "ROUTER_UNAVAILABLE")
    assert len(keys(asked, "bob")) == 5


async def test_nor_is_it_tried_after_its_time(pulse: AsyncClient, asked: Notifications) -> None:
    asked.refusals["bob@example.org"] = away(5)
    began = time.monotonic()
    _, bob = await outcomes([pulse.send(**to("ann")), pulse.send(**to("bob"), timeout=0.3)])
    # Its time may end in a pause, which then is not begun, or within a try.
    assert bob.reason in ("ROUTER_UNAVAILABLE", "LEDGER_UNAVAILABLE", "DEADLINE_EXCEEDED")
    assert len(keys(asked, "bob")) < 5
    assert time.monotonic() - began < 5


async def test_a_call_that_is_unavailable_is_tried_again_for_all_under_their_keys(
    pulse: AsyncClient, asked: Notifications
) -> None:
    asked.script.extend([BUSY, BUSY])
    await asyncio.gather(*(pulse.send(**to(f"user-{number}")) for number in range(3)))
    assert (asked.calls, len(asked.stored)) == ([BATCH] * 3, 3)
    first, *more = [[one.idempotency_key for one in batch.requests] for batch in asked.batches]
    assert more == [first] * 2


async def test_a_call_that_fails_gives_each_an_error_of_its_own(pulse: AsyncClient, asked: Notifications) -> None:
    asked.script.extend([BUSY] * 5)
    found = await outcomes(pulse.send(**to(f"user-{number}")) for number in range(3))
    assert [one.reason for one in found] == ["LEDGER_UNAVAILABLE"] * 3
    assert len({id(one) for one in found}) == 3
    assert len(asked.calls) == 5  # and not five times as often
    assert (await pulse.send(**to("ann"))).notification_id in asked.stored


async def test_an_answer_for_another_number_of_requests_is_nobodys(pulse: AsyncClient, asked: Notifications) -> None:
    asked.missing = 1
    found = await outcomes(pulse.send(**to(f"user-{number}")) for number in range(3))
    assert [one.code for one in found] == [grpc.StatusCode.INTERNAL] * 3


async def test_who_gives_up_does_not_disturb_the_others(pulse: AsyncClient, asked: Notifications) -> None:
    asked.gate.shut(SEND, BATCH)
    tasks = [asyncio.create_task(pulse.send(**to(f"user-{number}"))) for number in range(4)]
    await eventually(lambda: asked.gate.count)
    tasks[0].cancel()
    tasks[2].cancel()
    asked.gate.open()
    found = await outcomes(tasks)
    assert [type(one) for one in found] == [asyncio.CancelledError, Sent, asyncio.CancelledError, Sent]
    assert asked.calls == [BATCH]


async def test_who_gave_up_before_a_call_took_it_is_not_sent(pulse: AsyncClient, asked: Notifications) -> None:
    first = await fill(pulse, asked)
    waiting = [asyncio.create_task(pulse.send(**to(name))) for name in ("ann", "bob", "cid")]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.wait([waiting[1]])
    asked.gate.open()
    await asyncio.gather(*first, waiting[0], waiting[2])
    assert [keys(asked, name) != [] for name in ("ann", "bob", "cid")] == [True, False, True]


@pytest.mark.parametrize("count", [1, 3])
async def test_a_call_that_nobody_waits_for_any_more_makes_room(
    pulse: AsyncClient, asked: Notifications, count: int
) -> None:
    asked.gate.shut(SEND, BATCH)
    for _ in range(3 * MOST_IN_FLIGHT):
        tasks = [asyncio.create_task(pulse.send(**to(f"user-{number}"))) for number in range(count)]
        await eventually(lambda: asked.gate.count)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await eventually(lambda: not asked.gate.count)


async def test_each_has_its_own_deadline(pulse: AsyncClient, asked: Notifications) -> None:
    asked.gate.shut(SEND, BATCH)
    patient = [asyncio.create_task(pulse.send(**to(f"user-{number}"))) for number in range(3)]
    began = time.monotonic()
    with pytest.raises(PulseError) as caught:
        await pulse.send(**to("hasty"), timeout=0.2)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    assert 0.15 < time.monotonic() - began < 5
    assert asked.calls == [BATCH]
    asked.gate.open()
    assert all(isinstance(one, Sent) for one in await outcomes(patient))


async def test_one_that_waits_ends_in_its_time_too(pulse: AsyncClient, asked: Notifications) -> None:
    first = await fill(pulse, asked)
    with pytest.raises(PulseError, match="DEADLINE_EXCEEDED"):
        await pulse.send(**to("hasty"), timeout=0.2)
    asked.gate.open()
    await asyncio.gather(*first)
    assert keys(asked, "hasty") == []


async def test_what_waits_and_what_is_under_way_ends_with_the_client(
    gateway: FakeGateway, asked: Notifications
) -> None:
    pulse = AsyncClient(gateway.address, timeout=30)
    first = await fill(pulse, asked)
    waiting = [asyncio.create_task(pulse.send(**to(f"user-{number}"))) for number in range(3)]
    await asyncio.sleep(0)
    await pulse.close()
    found = await outcomes([*first, *waiting])
    assert [(type(one), one.code) for one in found] == [(PulseError, grpc.StatusCode.CANCELLED)] * len(found)
    assert len(asked.calls) == MOST_IN_FLIGHT


async def test_so_does_a_batch_that_is_under_way(gateway: FakeGateway, asked: Notifications) -> None:
    asked.gate.shut(SEND, BATCH)
    pulse = AsyncClient(gateway.address, timeout=30)
    tasks = [asyncio.create_task(pulse.send(**to(f"user-{number}"))) for number in range(3)]
    await eventually(lambda: asked.gate.count)
    await pulse.close()
    assert [one.code for one in await outcomes(tasks)] == [grpc.StatusCode.CANCELLED] * 3


async def test_so_does_what_waits_to_be_tried_again(
    gateway: FakeGateway, asked: Notifications, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FIRST_BACKOFF_S", 20.0)
    monkeypatch.setattr(connection, "LONGEST_BACKOFF_S", 20.0)
    asked.refusals["bob@example.org"] = away(5)
    pulse = AsyncClient(gateway.address, timeout=60)
    ann, bob = (asyncio.create_task(pulse.send(**to(name))) for name in ("ann", "bob"))
    assert isinstance(await ann, Sent)
    await pulse.close()
    async with asyncio.timeout(10):
        assert [(type(one), one.code) for one in await outcomes([bob])] == [(PulseError, grpc.StatusCode.CANCELLED)]


async def test_too_much_that_waits_is_told(pulse: AsyncClient, asked: Notifications) -> None:
    first = await fill(pulse, asked)
    big = {"text": "x" * 400_000}
    count = MOST_WAITING_BYTES // 400_000 + 2
    tasks = [asyncio.create_task(pulse.send(**to(f"user-{number}", context=big))) for number in range(count)]
    await eventually(lambda: any(task.done() for task in tasks))
    for task in tasks:
        task.cancel()
    refused = [one for one in await outcomes(tasks) if isinstance(one, PulseError)]
    assert {(one.reason, one.retry_after) for one in refused} == {("OVERLOADED", 1.0)}
    assert 0 < len(refused) < 5
    asked.gate.open()
    await asyncio.gather(*first, pulse.send(**to("ann")))  # what has gone makes room


def span(number: int) -> NonRecordingSpan:
    return NonRecordingSpan(SpanContext(number, number, is_remote=False, trace_flags=TraceFlags(number % 2)))


async def send_within(pulse: AsyncClient, number: int, request: Request) -> Sent:
    with trace.use_span(span(number)):
        return await pulse.send(**request)


async def test_each_names_the_trace_that_it_is_part_of(pulse: AsyncClient, asked: Notifications) -> None:
    await asyncio.gather(
        send_within(pulse, 1, to("ann")),
        send_within(pulse, 2, to("bob")),
        pulse.send(**to("cid")),
        send_within(pulse, 3, to("dan", traceparent=TRACE)),
    )
    (batch,) = asked.batches
    assert list(batch.traceparents) == [f"00-{1:032x}-{1:016x}-01", f"00-{2:032x}-{2:016x}-00", "", TRACE]
    assert "traceparent" not in asked.metadata


async def test_one_that_is_alone_names_it_in_its_header(pulse: AsyncClient, asked: Notifications) -> None:
    await send_within(pulse, 1, to("ann"))
    assert asked.metadata["traceparent"] == f"00-{1:032x}-{1:016x}-01"
    await pulse.send(**to("ann"))
    assert "traceparent" not in asked.metadata


async def test_many_of_one_caller_name_a_trace_only_if_they_are_told(pulse: AsyncClient, asked: Notifications) -> None:
    for requests in ([to("ann"), to("bob")], [to("ann"), to("bob", traceparent=TRACE)]):
        assert [type(one) async for one in pulse.send_many(requests)] == [Sent, Sent]
    assert [list(batch.traceparents) for batch in asked.batches] == [[], ["", TRACE]]


async def test_clients_of_two_keys_share_no_call(gateway: FakeGateway, asked: Notifications) -> None:
    async with AsyncClient(gateway.address, "one") as one, AsyncClient(gateway.address, "two") as two:
        await asyncio.gather(*(pulse.send(**to(f"user-{n}")) for n in range(5) for pulse in (one, two)))
    assert sizes(asked) == [5, 5]
    assert [[request.user_id for request in batch.requests] for batch in asked.batches] == [
        [f"user-{n}" for n in range(5)]
    ] * 2


async def test_a_fault_of_the_client_itself_reaches_every_caller(pulse: AsyncClient, asked: Notifications) -> None:
    await pulse.close()
    found = await outcomes(pulse.send(**to(f"user-{number}")) for number in range(3))
    assert all(isinstance(one, Exception) for one in found)
    assert asked.calls == []


async def test_what_is_no_answer_of_a_gateway_is_each_ones_own_too(gateway: FakeGateway) -> None:
    """One error that is raised in several tasks would grow by the way that each of them takes."""
    pulse = AsyncClient(gateway.address)
    await pulse.close()
    found = await outcomes(pulse.send(**to(f"user-{number}")) for number in range(5))
    assert [type(one) for one in found] == [grpc.aio.UsageError] * 5
    assert len({id(one) for one in found}) == 5
