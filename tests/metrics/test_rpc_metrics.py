"""Every RPC is counted by how it ended, and timed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from prometheus_client import CollectorRegistry

from pulse.ledger.v1 import ledger_reader_pb2 as pb
from pulse.ledger.v1 import ledger_reader_pb2_grpc
from shared.errors import Code, PulseError
from shared.observe.metrics import RpcMetrics, trace_exemplar
from shared.rpc.channels import open_channel
from shared.rpc.serving import Server
from tests.support import eventually

SERVICE = "pulse.ledger.v1.LedgerReader"


class Reader(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Ends each call in its own way."""

    async def GetNotification(self, request: Any, context: Any) -> pb.GetNotificationResponse:
        return pb.GetNotificationResponse()

    async def ListNotifications(self, request: Any, context: Any) -> Any:
        raise PulseError(Code.NOT_FOUND, "NOTHING", "there is nothing")

    async def GetTemplate(self, request: Any, context: Any) -> Any:
        raise ZeroDivisionError

    async def ListTemplates(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.DATA_LOSS, "gone")

    async def GetQueueDepths(self, request: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    async def FollowNotifications(self, requests: Any, context: Any) -> AsyncIterator[pb.FollowNotificationsResponse]:
        async for _ in requests:
            yield pb.FollowNotificationsResponse()


@pytest.fixture
async def served() -> AsyncIterator[tuple[CollectorRegistry, grpc.aio.Channel]]:
    registry = CollectorRegistry()
    server = Server("127.0.0.1:0", [], reflect=False, drain_seconds=0.1, rpcs=RpcMetrics(registry))
    ledger_reader_pb2_grpc.add_LedgerReaderServicer_to_server(Reader(), server.grpc)
    await server.start()
    async with open_channel(f"127.0.0.1:{server.port}") as channel:
        yield registry, channel
    await server.stop()


def count(registry: CollectorRegistry, method: str, code: str) -> float | None:
    return registry.get_sample_value(
        "pulse_rpc_requests_total", {"grpc_service": SERVICE, "grpc_method": method, "grpc_code": code}
    )


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        ("GetNotification", pb.GetNotificationRequest(), "OK"),
        ("ListNotifications", pb.ListNotificationsRequest(), "NOT_FOUND"),
        ("GetTemplate", pb.GetTemplateRequest(), "INTERNAL"),
        ("ListTemplates", pb.ListTemplatesRequest(), "DATA_LOSS"),
    ],
)
async def test_a_call_counts_under_the_code_it_ended_with_and_is_timed(
    served: Any, method: str, request_: Any, code: str
) -> None:
    registry, channel = served
    stub = ledger_reader_pb2_grpc.LedgerReaderStub(channel)
    for _ in range(2):
        with contextlib.suppress(grpc.aio.AioRpcError):
            await getattr(stub, method)(request_, timeout=5)
    await eventually(lambda: count(registry, method, code) == 2)
    labels = {"grpc_service": SERVICE, "grpc_method": method}
    assert registry.get_sample_value("pulse_rpc_duration_seconds_count", labels) == 2


async def test_a_call_whose_caller_has_gone_counts_as_cancelled(served: Any) -> None:
    registry, channel = served
    stub = ledger_reader_pb2_grpc.LedgerReaderStub(channel)
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.GetQueueDepths(pb.GetQueueDepthsRequest(), timeout=0.2)
    await eventually(lambda: count(registry, "GetQueueDepths", "CANCELLED") == 1)


async def test_a_stream_is_counted_but_not_timed_as_it_lasts_as_long_as_somebody_listens(served: Any) -> None:
    registry, channel = served
    stub = ledger_reader_pb2_grpc.LedgerReaderStub(channel)
    asked = iter([pb.FollowNotificationsRequest()] * 2)
    assert len([answer async for answer in stub.FollowNotifications(asked, timeout=5)]) == 2
    await eventually(lambda: count(registry, "FollowNotifications", "OK") == 1)
    labels = {"grpc_service": SERVICE, "grpc_method": "FollowNotifications"}
    assert registry.get_sample_value("pulse_rpc_duration_seconds_count", labels) == 0


async def test_a_method_that_does_not_exist_makes_no_series(served: Any) -> None:
    registry, channel = served
    guessed = channel.unary_unary(f"/{SERVICE}/Guessed")
    with pytest.raises(grpc.aio.AioRpcError, match="UNIMPLEMENTED"):
        await guessed(b"", timeout=5)
    await ledger_reader_pb2_grpc.LedgerReaderStub(channel).GetNotification(pb.GetNotificationRequest(), timeout=5)
    methods = {sample.labels.get("grpc_method") for family in registry.collect() for sample in family.samples}
    assert methods == {"GetNotification"}


def test_only_a_sampled_trace_makes_an_exemplar() -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace_exemplar(f"00-{trace_id}-00f067aa0ba902b7-01") == {"trace_id": trace_id}
    assert trace_exemplar(f"00-{trace_id}-00f067aa0ba902b7-00") is None
    assert trace_exemplar("") is None
