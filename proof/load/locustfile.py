"""The original's load scenario over REST, with its weights: sends 10, one-time codes 5, statuses 2, lists 1.

Usage: locust -f proof/load/locustfile.py --host http://localhost:8000 [--headless -u 50 -r 10 -t 60s]
"""

from __future__ import annotations

import itertools
import random
import uuid

from locust import HttpUser, between, task

SEND = "/api/notifications/send/"


class Caller(HttpUser):
    """An internal service that sends to many users, as the original's simulated users did."""

    wait_time = between(0.1, 0.5)

    def on_start(self) -> None:
        self.sent: list[str] = []
        self.users = itertools.cycle(f"load_{uuid.uuid4().hex[:8]}" for _ in range(1_000))

    @task(10)
    def send_notification(self) -> None:
        body = {"template_name": "welcome_email", "to": "load@example.com", "context": {"name": "Ann"}}
        self._send({**body, "channel": "email"}, "send")

    @task(5)
    def send_one_time_code(self) -> None:
        body = {"template_name": "login_otp", "to": "+15551234567", "context": {"code": "123456"}}
        self._send({**body, "channel": "sms"}, "send a code")

    @task(2)
    def ask_for_a_status(self) -> None:
        if self.sent:
            self.client.get(f"/api/notifications/status/{random.choice(self.sent)}/", name="status")

    @task(1)
    def list_notifications(self) -> None:
        self.client.get("/api/notifications/list/?limit=20", name="list")

    def _send(self, body: dict[str, object], name: str) -> None:
        request = {**body, "user_id": next(self.users), "idempotency_key": uuid.uuid4().hex}
        with self.client.post(SEND, json=request, name=name, catch_response=True) as answer:
            if answer.status_code == 202:
                self.sent = [*self.sent[-99:], answer.json()["notification_id"]]
                answer.success()
