"""The original's load scenario by gRPC, with its weights: sends 10, one-time codes 5, statuses 2, lists 1.

Usage: locust -f proof/load/grpc_locustfile.py --host 127.0.0.1:50051 [--headless -u 50 -r 10 -t 60s]
"""

from __future__ import annotations

import itertools
import random
import uuid

import locust_plugins  # noqa: F401 -- brings the checks that decide on the exit status
from locust import between, events, task

from proof.load.grpc_user import GrpcUser, cooperate
from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1 import notification_service_pb2_grpc

events.init.add_listener(lambda **_: cooperate())


class Caller(GrpcUser):
    """An internal service that sends to many users, as the original's simulated users did."""

    wait_time = between(0.1, 0.5)

    def on_start(self) -> None:
        self.pulse = notification_service_pb2_grpc.NotificationServiceStub(self.channel)
        self.sent: list[str] = []
        self.users = itertools.cycle([f"load_{uuid.uuid4().hex[:8]}" for _ in range(1_000)])

    @task(10)
    def send_notification(self) -> None:
        request = api.SendNotificationRequest(
            template_name="welcome_email", to="load@example.com", channel=enums_pb2.EMAIL
        )
        request.context.update({"name": "Ann"})
        self._send(request, "send")

    @task(5)
    def send_one_time_code(self) -> None:
        request = api.SendNotificationRequest(template_name="login_otp", to="+15551234567", channel=enums_pb2.SMS)
        request.context.update({"code": "123456"})
        self._send(request, "send a code")

    @task(2)
    def ask_for_a_status(self) -> None:
        if self.sent:
            request = api.GetNotificationRequest(notification_id=random.choice(self.sent))
            self.call(self.pulse.GetNotification, request, "status")

    @task(1)
    def list_notifications(self) -> None:
        self.call(self.pulse.ListNotifications, api.ListNotificationsRequest(page_size=20), "list")

    def _send(self, request: api.SendNotificationRequest, name: str) -> None:
        request.user_id = next(self.users)
        request.idempotency_key = uuid.uuid4().hex
        answer = self.call(self.pulse.SendNotification, request, name)
        if answer is not None:
            self.sent = [*self.sent[-99:], answer.notification_id]
