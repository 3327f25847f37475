"""More to send than workers can do at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from google.protobuf.duration_pb2 import Duration

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from tests.isolation.attacks.by_templates import make
from tests.isolation.scene import Scene

#: How many each flood brings in all; workers shall be done with it soon after.
MANY = 800
BATCH = 200


async def flood(scene: Scene) -> None:
    """Many at once in both lanes."""
    async with scene.target.channel() as channel:
        name = await make(scene, channel, "flood", "Hello {{ name }}")
        requests = []
        for number in range(MANY):
            ask = api.SendNotificationRequest(
                user_id=f"flood-{scene.name}-{number}",
                template_name=name,
                to=f"{scene.name}.{number}@flood.example.com",
                priority=enums_pb2.LOW if number % 2 else enums_pb2.HIGH,
            )
            ask.context.update({"name": "Ann"})
            requests.append(ask)
        await send_all(scene, NotificationServiceStub(channel), iter(requests), BATCH)


async def large_batches(scene: Scene) -> None:
    """Batches of many MiB, all of whose items are wrong in the end."""
    async with scene.target.channel() as channel:
        stub = NotificationServiceStub(channel)
        batch = api.BatchSendNotificationsRequest()
        for number in range(200):
            ask = batch.requests.add(user_id=f"u{number}", template_name="nobody's", to="a@example.com")
            ask.context.update({"text": "x" * 60_000})

        async def send() -> object:
            return await stub.BatchSendNotifications(batch, timeout=10, metadata=scene.target.credential)

        await scene.crowd(4, send)


async def digests(scene: Scene) -> None:
    """Digests of large entries, for many users, all due in a second."""
    async with scene.target.channel() as channel:
        body = "{% for entry in digest.entries %}{{ entry.text | escape }}{% endfor %}"
        name = await make(
            scene, channel, "digest", body, category=f"digest-{scene.name}", digest_window=Duration(seconds=1)
        )

        def requests() -> Iterator[api.SendNotificationRequest]:
            for number in range(160):
                ask = api.SendNotificationRequest(
                    user_id=f"digest-{scene.name}-{number % 20}",
                    template_name=name,
                    to=f"{scene.name}.{number % 20}@digest.example.com",
                    delivery_guarantee=enums_pb2.AT_MOST_ONCE,
                )
                ask.context.update({"text": "<" * 30_000})
                yield ask

        await send_all(scene, NotificationServiceStub(channel), requests(), 40)


async def send_all(
    scene: Scene, stub: NotificationServiceStub, requests: Iterator[api.SendNotificationRequest], batch: int
) -> None:
    """Sends everything in batches, four at once, and then stays until it is cancelled."""
    scene.begun.set()

    async def send() -> None:
        while asks := [ask for _, ask in zip(range(batch), requests, strict=False)]:
            message = api.BatchSendNotificationsRequest(requests=asks)
            answer = await scene.once(
                lambda message=message: stub.BatchSendNotifications(
                    message, timeout=20, metadata=scene.target.credential
                )
            )
            for result in answer.results if answer else ():
                scene.told["refused" if result.HasField("error") else "accepted"] += 1

    await asyncio.gather(*(send() for _ in range(4)))
    await asyncio.Event().wait()
