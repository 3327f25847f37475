"""Streams that stay open."""

from __future__ import annotations

import asyncio
import time

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from tests.isolation.attacks.by_templates import make
from tests.isolation.scene import Scene

#: How many are asked for: more than one key may have.
WATCHES = 1_200
#: Connections that they are spread over.
CHANNELS = 6
#: How long is waited for their first answers, s.
OPENING_S = 8.0


async def watches(scene: Scene) -> None:
    """One notification of next hour, watched as often as may be and more often."""
    async with scene.target.channel() as channel:
        name = await make(scene, channel, "watch", "Hello")
        ask = api.SendNotificationRequest(user_id=f"watch-{scene.name}", template_name=name, to="w@example.com")
        ask.send_at.FromSeconds(int(time.time()) + 3600)
        stub = NotificationServiceStub(channel)
        sent = await stub.SendNotification(ask, timeout=20, metadata=scene.target.credential)
    message = api.WatchNotificationRequest(notification_id=sent.notification_id)

    def watch(channel: grpc.aio.Channel) -> grpc.aio.UnaryStreamCall:
        return NotificationServiceStub(channel).WatchNotification(message, metadata=scene.target.credential)

    await _open(scene, scene.target.grpc, watch)


async def health_watches(scene: Scene) -> None:
    """The gateway's health, watched through the edge, which asks for no key."""

    def watch(channel: grpc.aio.Channel) -> grpc.aio.UnaryStreamCall:
        return health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())

    await _open(scene, scene.target.http, watch)


async def _open(scene: Scene, address: str, watch: object) -> None:
    """Opens all of them; begun when each has had an answer or was refused, or after :data:`OPENING_S`."""
    channels = [scene.target.channel(address) for _ in range(CHANNELS)]
    answered = asyncio.Semaphore(0)

    async def hold(channel: grpc.aio.Channel) -> None:
        try:
            async with scene.counted():
                call = watch(channel)  # type: ignore[operator]
                await call.read()
                scene.told["open"] += 1
                answered.release()
                while await call.read() is not grpc.aio.EOF:
                    pass
        finally:
            answered.release()

    holders = [asyncio.create_task(hold(channels[number % CHANNELS])) for number in range(WATCHES)]
    try:
        async with asyncio.timeout(OPENING_S):
            for _ in holders:
                await answered.acquire()
    except TimeoutError:
        scene.told["not answered in time"] += 1
    scene.begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        for holder in holders:
            holder.cancel()
        await asyncio.gather(*holders, return_exceptions=True)
        await asyncio.gather(*(channel.close() for channel in channels))
