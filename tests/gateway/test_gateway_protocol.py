"""What clients can do wrong below the level of messages: frames, sizes, deadlines, metadata, guessed names."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import h2.config
import h2.connection
import pytest

from pulse.common.v1 import enums_pb2
from shared.errors import Code
from shared.rpc.channels import MAX_MESSAGE_BYTES
from shared.rpc.statuses import from_rpc_error
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal, request
from tests.support import eventually

SEND = "/pulse.gateway.v1.NotificationService/SendNotification"


@pytest.fixture
async def raw(client: Client) -> AsyncIterator[grpc.aio.Channel]:
    """A channel that sends messages of any size."""
    yield client.channel


def send_bytes(channel: grpc.aio.Channel, payload: bytes, method: str = SEND, **options: Any) -> Any:
    """Calls a method with bytes of the test's choice."""
    return channel.unary_unary(method)(payload, **options)


async def test_a_message_over_the_limit_is_refused(raw: grpc.aio.Channel, peers: fakes.Peers) -> None:
    oversize = request(to="x" * (MAX_MESSAGE_BYTES + 1)).SerializeToString()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await send_bytes(raw, oversize)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not peers.router.submissions


@pytest.mark.parametrize(
    "payload",
    [
        request().SerializeToString()[:-3],
        b"\xff" * 40,
        b"\x0a\x02\xff\xfe" + request().SerializeToString(),  # a user_id that is not UTF-8
    ],
)
async def test_bytes_that_are_no_message_are_refused(raw: grpc.aio.Channel, peers: fakes.Peers, payload: bytes) -> None:
    error = await refusal(send_bytes(raw, payload))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "MALFORMED_MESSAGE")
    assert not peers.router.submissions


async def test_nesting_over_a_hundred_is_refused(raw: grpc.aio.Channel, peers: fakes.Peers) -> None:
    value = b"\x1a\x01x"  # Value.string_value
    for _ in range(60):
        entry = b"\x0a\x01k\x12" + varint(len(value)) + value
        inner = b"\x0a" + varint(len(entry)) + entry
        value = b"\x2a" + varint(len(inner)) + inner  # Value.struct_value
    fields = b"\x0a\x01k\x12" + varint(len(value)) + value
    context = b"\x0a" + varint(len(fields)) + fields
    payload = request().SerializeToString() + b"\x22" + varint(len(context)) + context
    error = await refusal(send_bytes(raw, payload))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "MALFORMED_MESSAGE")
    assert not peers.router.submissions


def varint(number: int) -> bytes:
    """The protobuf encoding of a length."""
    encoded = b""
    while number > 0x7F:
        encoded, number = encoded + bytes([number & 0x7F | 0x80]), number >> 7
    return encoded + bytes([number])


async def test_unknown_fields_are_no_mistake(raw: grpc.aio.Channel, peers: fakes.Peers) -> None:
    await send_bytes(raw, request().SerializeToString() + b"\xfa\x7f\x03new")
    assert len(peers.router.submissions) == 1


async def test_an_unknown_enum_number_is_named(raw: grpc.aio.Channel, peers: fakes.Peers) -> None:
    error = await refusal(send_bytes(raw, request().SerializeToString() + b"\x28\xe7\x07"))
    assert [violation.field for violation in error.violations] == ["channel"]
    assert not peers.router.submissions


@pytest.mark.parametrize("timeout", [None, 10 * 365 * 86_400.0, 5.0])
async def test_any_deadline_or_none_is_served(client: Client, timeout: float | None) -> None:
    assert (await client.notifications.SendNotification(request(), timeout=timeout)).notification_id


@pytest.mark.parametrize("timeout", [0.0, -1.0, 1e-6])
async def test_a_deadline_that_is_over_is_exceeded(client: Client, timeout: float) -> None:
    error = await refusal(client.notifications.SendNotification(request(), timeout=timeout))
    assert error.code is Code.DEADLINE_EXCEEDED


async def test_a_slow_router_is_not_waited_for_beyond_the_deadline(client: Client, peers: fakes.Peers) -> None:
    peers.router.gate.clear()
    error = await refusal(client.notifications.SendNotification(request(), timeout=0.3))
    assert error.code is Code.DEADLINE_EXCEEDED
    peers.router.gate.set()


async def test_a_slow_template_look_up_is_not_waited_for_beyond_the_deadline(
    client: Client, peers: fakes.Peers
) -> None:
    peers.reader.gate.clear()
    error = await refusal(client.notifications.SendNotification(request(), timeout=0.3))
    assert error.code is Code.DEADLINE_EXCEEDED
    peers.reader.gate.set()
    await client.send()
    assert len(peers.reader.requests) == 1


async def test_oversize_metadata_is_refused(client: Client, peers: fakes.Peers) -> None:
    headers = [(f"x-filler-{n}", "y" * 8_000) for n in range(8)]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.send(headers=headers)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not peers.router.submissions


@pytest.mark.parametrize(
    "method",
    [
        "/pulse.gateway.v1.NotificationService/DropEverything",
        "/pulse.router.v1.RouterService/Submit",
        "/pulse.ledger.v1.LedgerService/Cancel",
        "/nonsense",
    ],
)
async def test_a_guessed_method_does_not_exist(raw: grpc.aio.Channel, peers: fakes.Peers, method: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await send_bytes(raw, b"", method)
    assert from_rpc_error(caught.value).code is Code.UNIMPLEMENTED
    assert not peers.router.submissions


async def test_binary_headers_do_no_harm(client: Client) -> None:
    assert (await client.send(headers=[("x-noise-bin", b"\x00\xff"), ("traceparent", "x" * 4000)])).notification_id


async def test_a_truncated_frame_and_rapid_resets_leave_the_gateway_serving(client: Client, peers: fakes.Peers) -> None:
    await client.send()
    host, _, port = client.target.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    body = request(user_id="raw").SerializeToString()
    stream = connection.get_next_available_stream_id()
    connection.send_headers(stream, headers(client.target))
    # The prefix promises more than ever comes.
    connection.send_data(stream, struct.pack(">BI", 0, len(body) + 100) + body, end_stream=True)
    for _ in range(50):
        stream = connection.get_next_available_stream_id()
        connection.send_headers(stream, headers(client.target))
        connection.reset_stream(stream)
    writer.write(connection.data_to_send())
    await writer.drain()
    assert (await client.send(user_id="beside")).status == enums_pb2.QUEUED
    writer.close()
    assert (await client.send(user_id="after")).status == enums_pb2.QUEUED
    assert [submission.asked.user_id for submission in peers.router.submissions] == ["u-1", "beside", "after"]


def headers(authority: str) -> list[tuple[str, str]]:
    """Headers of a send."""
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", SEND),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]


async def test_a_client_that_resets_after_the_commit_can_ask_again(client: Client, peers: fakes.Peers) -> None:
    peers.router.gate.clear()
    call = client.notifications.SendNotification(request(idempotency_key="k"))
    waiting = asyncio.ensure_future(call.code())
    await eventually(lambda: peers.router.submissions)
    call.cancel()
    assert await waiting is grpc.StatusCode.CANCELLED
    peers.router.gate.set()
    again = await client.notifications.SendNotification(request(idempotency_key="k"))
    assert again.replayed
