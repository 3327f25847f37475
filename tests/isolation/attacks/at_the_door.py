"""What anybody can do who has no key."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from tests.isolation.scene import Scene

MIB = 1024 * 1024
#: Bodies that never end, and what of each is sent, bytes.
UNFINISHED = 60
SENT_OF_IT = 4 * MIB - 10


async def bodies(scene: Scene) -> None:
    """Messages of 15 MiB without a key, straight to the gateway's port."""
    async with scene.target.channel() as channel:
        stub = NotificationServiceStub(channel)
        message = api.BatchSendNotificationsRequest()
        for number in range(240):
            ask = message.requests.add(user_id=f"u{number}", template_name="t", to="a@example.com")
            ask.context.update({"text": "x" * 65_000})

        async def send() -> object:
            return await stub.BatchSendNotifications(message, timeout=10)

        await scene.crowd(6, send)


async def unfinished(scene: Scene) -> None:
    """Bodies through the edge that promise 4 MiB and never bring their last bytes; beside keys of nobody."""
    host, port = scene.target.http.rsplit(":", 1)
    head = (
        f"POST /v1/notifications HTTP/1.1\r\nHost: {scene.target.http}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {4 * MIB}\r\n\r\n"
    ).encode()

    async def post() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(head + b"x" * SENT_OF_IT)
            answer = await reader.readline()
            scene.told[answer.decode("latin-1").strip() or "cut off"] += 1
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    await asyncio.gather(scene.crowd(UNFINISHED, post), _strangers(scene))


async def _strangers(scene: Scene) -> None:
    """Keys that nobody made, each another one, in the form that real ones have."""
    numbers = itertools.count()
    async with scene.target.client(key="") as client:

        async def call() -> object:
            number = next(numbers)
            key = f"pulse_{number:016x}_{number:064x}"
            return await client.get("/v1/notifications", headers={"X-API-Key": key})

        await scene.crowd(12, call)
