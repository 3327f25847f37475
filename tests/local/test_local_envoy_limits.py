"""What is too large has one limit and one answer, whichever way it comes, and each time."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest
from google.rpc import code_pb2, error_details_pb2
from grpc_status import rpc_status

from pulse.gateway.v1 import notification_service_pb2 as pb
from pulse.gateway.v1.notification_service_pb2_grpc import (
    NotificationServiceStub,
    add_NotificationServiceServicer_to_server,
)
from shared.rpc.serving import Server
from tests.local.edge_backend import Backend, assert_error

#: As many bytes of one header; the limit is 16 KiB for all, of which Envoy and a client take some hundred.
FITTING = (100, 8_000, 15_500)
OVER = (16_384, 17_000, 20_000, 24_000, 31_000, 33_000, 60_000)
#: Requests in a row: a limit that is drawn by lot would let some of them pass.
TIMES = 5
UNBOUNDED = [("grpc.max_send_message_length", -1)]


def reason(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status is not None and status.details[0].Unpack(info)
    assert (status.code, info.domain) == (code_pb2.RESOURCE_EXHAUSTED, "pulse")
    return info.reason


async def test_headers_over_rest_are_taken_up_to_16_kib_and_refused_beyond(backend, rest):
    for size in FITTING:
        for _ in range(TIMES):
            assert (await rest.get("/v1/notifications", headers={"x-large": "x" * size})).status_code == 200, size
    for size in (*OVER, 70_000, 300_000):
        for _ in range(TIMES):
            answer = await rest.get("/v1/notifications", headers={"x-large": "x" * size})
            assert_error(answer, 431, 3, "HEADERS_TOO_LARGE")


@pytest.mark.parametrize("what", ["many headers", "a long address", "headers that are large together"])
async def test_what_makes_headers_large_does_not_matter(backend, rest, what):
    for size in (15_000, 17_000, 30_000, 60_000):
        headers, query = {}, ""
        if what == "many headers":
            headers = {f"x-{n}": "y" for n in range(90 * size // 15_000)}
        elif what == "a long address":
            query = "?user_id=" + "u" * size
        else:
            headers = {f"x-{n}": "y" * (size // 30) for n in range(30)}
        answer = await rest.get(f"/v1/notifications{query}", headers=headers)
        if size == 15_000:
            assert answer.status_code == 200, answer.text
        else:
            assert_error(answer, 431, 3, "HEADERS_TOO_LARGE")


async def test_headers_of_a_grpc_call_through_envoy_have_the_same_limit(plan, backend, rest):
    async with grpc.aio.insecure_channel(plan.ports.address("http")) as channel:
        send = NotificationServiceStub(channel).SendNotification
        for size in FITTING:
            await send(pb.SendNotificationRequest(), metadata=(("x-large", "x" * size),))
        for many in (*((("x-large", "x" * size),) for size in OVER), tuple((f"x-{n}", "y") for n in range(150))):
            for _ in range(TIMES):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await send(pb.SendNotificationRequest(), metadata=many)
                assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert reason(refused.value) == "HEADERS_TOO_LARGE"
                assert "16 KiB" in refused.value.details()


async def test_headers_of_a_call_straight_to_a_service_have_one_limit():
    server = Server("127.0.0.1:0", [], reflect=False, drain_seconds=1)
    add_NotificationServiceServicer_to_server(Backend(), server.grpc)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        send = NotificationServiceStub(channel).SendNotification
        for size in (*FITTING, 17_000, 20_000, 24_000, 31_000):
            for _ in range(TIMES):
                await send(pb.SendNotificationRequest(), metadata=(("x-large", "x" * size),))
        for size in (33_000, 40_000, 64_000, 200_000):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await send(pb.SendNotificationRequest(), metadata=(("x-large", "x" * size),))
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "metadata size exceeds" in refused.value.details()
    await server.stop()


async def test_a_grpc_message_may_have_4_mib_and_no_byte_more(plan, backend, rest):
    async with grpc.aio.insecure_channel(plan.ports.address("http"), options=UNBOUNDED) as channel:
        send = NotificationServiceStub(channel).SendNotification
        largest = pb.SendNotificationRequest(to="x" * (4 * 1024 * 1024 - 5))
        assert largest.ByteSize() == 4 * 1024 * 1024
        assert (await send(largest)).notification_id == "n1"
        for size in (1, 100, 1_000_000, 8_000_000):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await send(pb.SendNotificationRequest(to=largest.to + "x" * size))
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert reason(refused.value) == "REQUEST_TOO_LARGE"
        assert (await send(pb.SendNotificationRequest())).notification_id == "n1"
