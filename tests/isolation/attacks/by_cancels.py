"""Notifications for later, taken back one by one."""

from __future__ import annotations

import itertools
import time

from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from tests.isolation.attacks.by_templates import make
from tests.isolation.scene import Scene

CALLERS = 24
#: How far ahead they lie, s.
LATER_S = 3600
BATCH = 50


async def cancels(scene: Scene) -> None:
    """Each caller makes a batch, and cancels one after the other."""
    async with scene.target.channel() as channel:
        name = await make(scene, channel, "cancel", "Hello")
        stub = NotificationServiceStub(channel)
        users = itertools.count()

        async def make_and_cancel() -> object:
            batch = api.BatchSendNotificationsRequest()
            for _ in range(BATCH):
                user = f"cancel-{scene.name}-{next(users)}"
                ask = batch.requests.add(user_id=user, template_name=name, to="cancel@example.com")
                ask.send_at.FromSeconds(int(time.time()) + LATER_S)
            answer = await stub.BatchSendNotifications(batch, timeout=20, metadata=scene.target.credential)
            for result in answer.results:
                ask = api.CancelNotificationRequest(notification_id=result.notification_id)
                await scene.once(
                    lambda ask=ask: stub.CancelNotification(ask, timeout=20, metadata=scene.target.credential)
                )
            return answer

        await scene.crowd(CALLERS, make_and_cancel)
