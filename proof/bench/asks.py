"""What the load generator sends: requests, serialized before the clock starts. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse_client import Request

TEMPLATE = "bench"
SUBJECT = "Hello {{ name }}"
BODY = "Hello {{ name }},\n\nthis is notification {{ number }} of the benchmark.\n"

SEND = "/pulse.gateway.v1.NotificationService/SendNotification"
SEND_BATCH = "/pulse.gateway.v1.NotificationService/BatchSendNotifications"
REST_PATH = "/v1/notifications"


@dataclass(frozen=True)
class Asks:
    """Emails to users of whom each has one, so that no limit is met. ``prefix`` must be new in its ledger."""

    prefix: str
    priority: str = "LOW"

    def single(self, number: int) -> api.SendNotificationRequest:
        request = api.SendNotificationRequest(
            user_id=f"{self.prefix}-u{number}",
            template_name=TEMPLATE,
            to=f"{self.prefix}.{number}@example.com",
            channel=enums_pb2.EMAIL,
            idempotency_key=f"{self.prefix}-k{number}",
            priority=enums_pb2.Priority.Value(self.priority),
        )
        request.context.update({"name": "Ann", "number": number})
        return request

    def singles(self, numbers: range) -> Iterator[bytes]:
        for number in numbers:
            yield self.single(number).SerializeToString()

    def calls(self, numbers: range) -> Iterator[Request]:
        """Arguments of the client's ``send``."""
        for number in numbers:
            yield Request(
                user_id=f"{self.prefix}-u{number}",
                template=TEMPLATE,
                to=f"{self.prefix}.{number}@example.com",
                channel="EMAIL",
                idempotency_key=f"{self.prefix}-k{number}",
                priority=self.priority,
                context={"name": "Ann", "number": number},
            )

    def batches(self, numbers: range, size: int) -> Iterator[bytes]:
        """Requests of ``size`` notifications each, the last one perhaps of fewer."""
        for start in range(numbers.start, numbers.stop, size):
            batch = [self.single(number) for number in range(start, min(start + size, numbers.stop))]
            yield api.BatchSendNotificationsRequest(requests=batch).SerializeToString()

    def posts(self, numbers: range, host: str, api_key: str) -> Iterator[bytes]:
        """HTTP/1.1 requests, head and body."""
        for number in numbers:
            body = json.dumps(
                {
                    "userId": f"{self.prefix}-u{number}",
                    "templateName": TEMPLATE,
                    "to": f"{self.prefix}.{number}@example.com",
                    "channel": "EMAIL",
                    "priority": self.priority,
                    "context": {"name": "Ann", "number": number},
                }
            ).encode()
            head = (
                f"POST {REST_PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                f"X-API-Key: {api_key}\r\nIdempotency-Key: {self.prefix}-k{number}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            yield head.encode() + body
