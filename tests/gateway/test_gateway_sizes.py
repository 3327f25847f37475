"""How large a message may be depends on its method, and whoever sends a larger one is told the limit."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from pulse.gateway.v1 import (
    attachment_service_pb2,
    fragment_service_pb2,
    notification_service_pb2,
    template_service_pb2,
)
from services.gateway.door.taking_in import LIMITS, MOST_BYTES
from shared.errors import Code, PulseError
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal, request
from tests.support import eventually

MIB = 2**20


def padded(message: Any, size: int) -> bytes:
    """The message in ``size`` bytes: a field that nobody knows fills it up."""
    raw = message.SerializeToString()
    left = size - len(raw) - 2 - 4  # the field's tag, and a length of four bytes
    length = bytes([left & 0x7F | 0x80, left >> 7 & 0x7F | 0x80, left >> 14 & 0x7F | 0x80, left >> 21])
    return raw + b"\xfa\x7f" + length + b"x" * left


BATCH = notification_service_pb2.BatchSendNotificationsRequest(requests=[request()])
PREVIEW = template_service_pb2.PreviewTemplateRequest(name="welcome")
CASES = [
    ("NotificationService/SendNotification", request(), 4),
    ("NotificationService/GetNotification", notification_service_pb2.GetNotificationRequest(), 1),
    ("NotificationService/ListNotifications", notification_service_pb2.ListNotificationsRequest(), 1),
    ("KeyService/CreateKey", notification_service_pb2.ListNotificationsRequest(), 1),
    ("UnsubscribeService/Unsubscribe", notification_service_pb2.ListNotificationsRequest(), 1),
    ("TemplateService/PreviewTemplate", PREVIEW, 4),
    ("TemplateService/CreateTemplate", PREVIEW, 4),
]


@pytest.mark.parametrize("method, message, most", CASES, ids=[case[0] for case in CASES])
async def test_a_message_beyond_its_methods_limit_is_refused_by_it(
    client: Client, peers: fakes.Peers, method: str, message: Any, most: int
) -> None:
    call = client.channel.unary_unary(f"/pulse.gateway.v1.{method}")
    for size in (most * MIB + 1, most * MIB + 100_000, 15 * MIB):
        error = await refusal(call(padded(message, size)))
        assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE")
        assert error.metadata["limit_bytes"] == str(most * MIB)
        assert f"{most} MiB" in error.message
    assert not peers.router.submissions


async def test_a_message_of_just_the_limit_is_taken(client: Client, peers: fakes.Peers) -> None:
    send = client.channel.unary_unary("/pulse.gateway.v1.NotificationService/SendNotification")
    await send(padded(request(), 4 * MIB))
    batch = client.channel.unary_unary("/pulse.gateway.v1.NotificationService/BatchSendNotifications")
    for size in (2 * MIB, 15 * MIB, 16 * MIB):
        await batch(padded(BATCH, size))
    assert len(peers.router.submissions) == 4


async def test_large_batches_are_worked_on_by_few(client: Client, peers: fakes.Peers) -> None:
    """And when they are done, others have their turn; small ones always have."""
    peers.router.gate.clear()
    batch = client.channel.unary_unary("/pulse.gateway.v1.NotificationService/BatchSendNotifications")
    in_hand = [batch(padded(BATCH, 16 * MIB)) for _ in range(4)]
    small = [batch(padded(BATCH, MIB // 2)) for _ in range(5)]
    await eventually(lambda: sum(peers.router.batches) >= 1)
    error = await eventually(lambda: overloaded(batch))
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert error.retry_after
    peers.router.gate.set()
    for call in (*in_hand, *small):
        await call
    await batch(padded(BATCH, 16 * MIB))


async def overloaded(batch: Any) -> PulseError | None:
    """How a further one is refused; None: it is taken in, and taken back."""
    call = batch(padded(BATCH, 16 * MIB))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            return await refusal(call)
    return None


def test_only_methods_that_there_are_have_a_limit_of_their_own() -> None:
    known = {
        f"/{service.full_name}/{method.name}"
        for file in (notification_service_pb2, template_service_pb2, fragment_service_pb2, attachment_service_pb2)
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert set(LIMITS) <= known
    assert min(LIMITS.values()) > MOST_BYTES
