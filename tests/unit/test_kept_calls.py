"""Unary calls by a kept stream: each is as it would be by itself."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from prometheus_client import CollectorRegistry

from pulse.router.v1 import router_service_pb2 as pb
from pulse.router.v1 import router_service_pb2_grpc as rpc
from shared.errors import Code, PulseError, QuotaViolation, Violation
from shared.observe import tracing
from shared.observe.metrics import RpcMetrics
from shared.observe.tracing import Ended, Tracer
from shared.rpc import deadlines
from shared.rpc.call_traces import CallTraces
from shared.rpc.channels import MAX_MESSAGE_BYTES, call, open_channel
from shared.rpc.kept.bounds import MOST_BYTES, MOST_CALLS
from tests.support import eventually
from tests.unit.kept_scene import SERVICE, SUBMIT, Behaviour, answer, echo, name_of, raw_stream, scene, submit

REFUSALS: dict[str, Exception] = {
    "plain": PulseError(Code.NOT_FOUND, "NOTHING", "there is nothing"),
    "with all details": PulseError(
        Code.RESOURCE_EXHAUSTED,
        "RATE_LIMITED",
        "10 per 60 s",
        hint="wait",
        violations=(Violation("a.b", "is required"),),
        quotas=(QuotaViolation("user", "10 per minute", 10),),
        retry_after=12.5,
        metadata={"limit": "user"},
    ),
    "of letters beyond ASCII": PulseError(Code.INVALID_ARGUMENT, "X", "ein Käse, 100 %"),
    "unavailable": PulseError(Code.UNAVAILABLE, "POSTGRES_AWAY", "the database is away", retry_after=1.0),
    "out of time": PulseError(Code.DEADLINE_EXCEEDED, "SLOW", "too slow"),
    "unforeseen": ValueError("ann@example.com"),
}


def raising(error: Exception) -> Behaviour:
    async def behave(_: pb.SubmitRequest) -> pb.SubmitResponse:
        raise error

    return behave


@pytest.mark.parametrize("case", REFUSALS)
async def test_an_error_is_told_as_by_the_unary_method(case: str) -> None:
    async with scene(raising(REFUSALS[case])) as (router, server, stub):
        with pytest.raises(PulseError) as by_stream:
            await call(stub.Submit, submit("a"))
        assert router.by_stream == ["a"]
        async with open_channel(f"127.0.0.1:{server.port}") as plain:
            with pytest.raises(PulseError) as by_unary:
                await call(rpc.RouterServiceStub(plain).Submit, submit("b"))
    assert by_stream.value == by_unary.value
    assert "ann@example.com" not in str(by_stream.value)


async def test_what_is_unavailable_is_tried_again_as_the_channel_would() -> None:
    failures = iter([REFUSALS["unavailable"], PulseError(Code.CANCELLED, "GONE", "given up")])

    async def behave(request: pb.SubmitRequest) -> pb.SubmitResponse:
        if error := next(failures, None):
            raise error
        return await echo(request)

    async with scene(behave) as (_, _, stub):
        assert await call(stub.Submit, submit("a")) == answer("a")


async def test_each_caller_has_his_own_answer_in_whatever_order_they_come() -> None:
    gates = {str(number): asyncio.Event() for number in range(MOST_CALLS)}

    async def behave(request: pb.SubmitRequest) -> pb.SubmitResponse:
        await gates[name_of(request)].wait()
        return answer(name_of(request))

    async with scene(behave) as (router, _, stub):
        calls = {name: asyncio.create_task(stub.Submit(submit(name), timeout=20)) for name in gates}
        await eventually(lambda: len(router.by_stream) == MOST_CALLS)
        for name in reversed(gates):
            assert not calls[name].done()
            gates[name].set()
            assert await calls[name] == answer(name)


async def test_more_calls_than_a_stream_holds_are_all_answered() -> None:
    gate = asyncio.Event()

    async def behave(request: pb.SubmitRequest) -> pb.SubmitResponse:
        await gate.wait()
        return answer(name_of(request))

    async with scene(behave) as (router, _, stub):
        names = [str(number) for number in range(3 * MOST_CALLS)]
        calls = [asyncio.create_task(stub.Submit(submit(name), timeout=20)) for name in names]
        await eventually(lambda: len(router.by_stream) + len(router.by_unary) == len(names))
        assert len(router.by_stream) == MOST_CALLS
        gate.set()
        assert await asyncio.gather(*calls) == [answer(name) for name in names]


async def test_each_call_has_its_own_deadline() -> None:
    left: dict[str, float] = {}

    async def behave(request: pb.SubmitRequest) -> pb.SubmitResponse:
        left[name_of(request)] = deadlines.remaining()
        if name_of(request) == "short":
            await asyncio.Event().wait()
        return answer(name_of(request))

    async with scene(behave) as (router, _, stub):
        late = asyncio.create_task(call(stub.Submit, submit("short"), longest=0.2))
        assert await call(stub.Submit, submit("long"), longest=8) == answer("long")
        assert await stub.Submit(submit("none")) == answer("none")
        with pytest.raises(PulseError) as caught:
            await late
        await eventually(lambda: router.cancelled == ["short"])
        assert sorted(router.by_stream) == ["long", "none", "short"]
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert left["short"] < 0.2 < 7 < left["long"] < 8 < deadlines.LONGEST - 1 < left["none"]


async def test_a_caller_who_gives_up_disturbs_no_other() -> None:
    gate = asyncio.Event()

    async def behave(request: pb.SubmitRequest) -> pb.SubmitResponse:
        await gate.wait()
        return answer(name_of(request))

    async with scene(behave) as (router, _, stub):
        calls = {name: asyncio.create_task(stub.Submit(submit(name), timeout=20)) for name in "abcdef"}
        await eventually(lambda: len(router.by_stream) == 6)
        for name in "bdf":
            calls.pop(name).cancel()
        await eventually(lambda: sorted(router.cancelled) == ["b", "d", "f"])
        gate.set()
        assert await asyncio.gather(*calls.values()) == [answer(name) for name in "ace"]
        assert await stub.Submit(submit("g"), timeout=20) == answer("g")
        assert (router.by_unary, router.by_stream[-1]) == ([], "g")


async def test_a_caller_who_gives_up_while_his_request_is_written_disturbs_no_other() -> None:
    async with scene() as (router, _, stub):
        gone = [asyncio.create_task(stub.Submit(submit("gone"), timeout=20)) for _ in range(20)]
        kept = [asyncio.create_task(stub.Submit(submit("kept"), timeout=20)) for _ in range(20)]
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        assert await asyncio.gather(*kept) == [answer("kept")] * 20
        assert router.by_unary == []


async def test_a_call_is_in_its_callers_trace_and_counted_under_its_own_name() -> None:
    spans: list[Ended] = []
    registry = CollectorRegistry()
    parents: list[str] = []

    async def behave(request: pb.SubmitRequest) -> pb.SubmitResponse:
        if span := tracing.current():
            parents.append(span.traceparent[3:35])
        return answer(name_of(request))

    traces = CallTraces(Tracer(spans.append))
    async with scene(behave, traces=traces, rpcs=RpcMetrics(registry)) as (router, _, stub):
        before = registry.get_sample_value(
            "pulse_rpc_requests_total", {"grpc_service": SERVICE, "grpc_method": "Submit", "grpc_code": "OK"}
        )
        with tracing.within(Tracer(spans.append).start("caller", tracing.fresh(1.0))) as caller:
            await call(stub.Submit, submit("traced"))
        await call(stub.Submit, submit("not"))
        after = registry.get_sample_value(
            "pulse_rpc_requests_total", {"grpc_service": SERVICE, "grpc_method": "Submit", "grpc_code": "OK"}
        )
        assert router.by_stream == ["traced", "not"]
    assert caller is not None
    assert before is not None and after == before + 2
    assert parents[0] == caller.traceparent[3:35] != parents[1]
    assert SUBMIT[1:] in [span.name for span in spans]


@pytest.mark.parametrize(("size", "by_stream"), [(MOST_BYTES // 2, True), (MOST_BYTES + 1, False), (4_000_000, False)])
async def test_a_large_request_goes_by_the_unary_method(size: int, by_stream: bool) -> None:
    async with scene() as (router, _, stub):
        name = "x" * size
        assert await call(stub.Submit, submit(name)) == answer(name)
        assert (len(router.by_stream), len(router.by_unary)) == ((1, 0) if by_stream else (0, 1))


@pytest.mark.parametrize("size", [MOST_BYTES, 1_000_000, MAX_MESSAGE_BYTES - 1_000, MAX_MESSAGE_BYTES, 20_000_000])
async def test_a_large_answer_comes_or_is_refused_as_by_the_unary_method(size: int) -> None:
    async def behave(_: pb.SubmitRequest) -> pb.SubmitResponse:
        return answer("x" * size)

    async with scene(behave) as (router, _, stub):
        if size < MAX_MESSAGE_BYTES - 100:
            assert await call(stub.Submit, submit("a")) == answer("x" * size)
        else:
            with pytest.raises(PulseError) as caught:
                await call(stub.Submit, submit("a"))
            assert caught.value.code is Code.RESOURCE_EXHAUSTED
        router.behaviour = echo
        assert await call(stub.Submit, submit("b")) == answer("b")
        assert router.by_stream == ["a", "b"], "the stream has not suffered"


NOT_SERVED = {
    "no such method": "/pulse.router.v1.RouterService/Nothing",
    "no such service": "/pulse.router.v2.RouterService/Submit",
    "a stream": "/pulse.router.v1.RouterService/AwaitUrgent",
    "kept streams themselves": "/pulse.rpc.v1.KeptStreamService/Exchange",
    "health": "/grpc.health.v1.Health/Check",
    "nothing": "",
    "no path": "Submit",
}


@pytest.mark.parametrize("case", NOT_SERVED)
async def test_what_is_no_unary_method_of_ours_is_not_served(case: str) -> None:
    async with scene() as (_, server, _), raw_stream(server) as stream:
        await stream.say(number=1, method=NOT_SERVED[case], timeout_us=5_000_000)
        said = await stream.hear()
        assert (said.number, said.error.code) == (1, Code.UNIMPLEMENTED.value)
        await stream.say(number=2, method=SUBMIT, timeout_us=5_000_000)
        assert (await stream.hear()).number == 2


BAD_CALLS: dict[str, tuple[bytes, Code]] = {
    "over the bound": (submit("x" * MOST_BYTES).SerializeToString(), Code.RESOURCE_EXHAUSTED),
    "no message of the method": (b"\xff\xff\xff", Code.INVALID_ARGUMENT),
}


@pytest.mark.parametrize("case", BAD_CALLS)
async def test_a_call_that_cannot_be_is_refused_alone(case: str) -> None:
    message, code = BAD_CALLS[case]
    async with scene() as (_, server, _), raw_stream(server) as stream:
        await stream.say(number=1, method=SUBMIT, message=message, timeout_us=5_000_000)
        said = await stream.hear()
        assert (said.number, said.error.code) == (1, code.value)
        assert await stream.close() is grpc.StatusCode.OK


async def test_bytes_that_are_no_message_end_the_stream() -> None:
    async with scene() as (_, server, _), raw_stream(server) as stream:
        await stream.say_bytes(b"\xff\xff\xff")
        assert await stream.ended() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("microseconds", [0, -1, -(2**63)])
async def test_a_call_without_time_left_is_cancelled(microseconds: int) -> None:
    async def behave(request: pb.SubmitRequest) -> pb.SubmitResponse:
        if not request.submissions:
            await asyncio.Event().wait()
        return answer(name_of(request))

    async with scene(behave) as (_, server, _), raw_stream(server) as stream:
        await stream.say(number=1, method=SUBMIT, timeout_us=microseconds)
        await stream.say(number=2, method=SUBMIT, timeout_us=2**63 - 1, message=submit("a").SerializeToString())
        assert (await stream.hear()).number == 2
        assert await stream.close() is grpc.StatusCode.OK


async def test_a_caller_who_closes_his_side_still_has_his_answers() -> None:
    gate = asyncio.Event()

    async def behave(request: pb.SubmitRequest) -> pb.SubmitResponse:
        await gate.wait()
        return answer(name_of(request))

    async with scene(behave) as (router, server, _), raw_stream(server) as stream:
        for number in (1, 2):
            await stream.say(number=number, method=SUBMIT, timeout_us=5_000_000)
        closing = asyncio.create_task(stream.close())
        await eventually(lambda: len(router.by_stream) == 2)
        gate.set()
        assert {(await stream.hear()).number for _ in range(2)} == {1, 2}
        assert await closing is grpc.StatusCode.OK


async def test_a_caller_who_vanishes_has_his_calls_cancelled() -> None:
    async def behave(_: pb.SubmitRequest) -> pb.SubmitResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with scene(behave) as (router, server, _):
        async with raw_stream(server) as stream:
            for number in (1, 2, 3):
                await stream.say(number=number, method=SUBMIT, timeout_us=20_000_000)
            await eventually(lambda: len(router.by_stream) == 3)
        await eventually(lambda: len(router.cancelled) == 3)
