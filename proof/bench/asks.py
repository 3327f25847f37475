"""What the load generator sends: requests, serialized before the clock starts. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse_client import Request

SUBJECT = "Hello {{ name }}"
BODY = "Hello {{ name }},\n\nthis is notification {{ number }} of the benchmark.\n"

SEND = "/pulse.gateway.v1.NotificationService/SendNotification"
SEND_BATCH = "/pulse.gateway.v1.NotificationService/BatchSendNotifications"
REST_PATH = "/v1/notifications"


class Kind(NamedTuple):
    """What is sent: a template, and addresses of its channel."""

    template: str
    channel: str
    address: str  # of one notification, by prefix and number
    html_body: str = ""


#: About the size of a short newsletter: 2.6 kB, with what HTML has to be careful with.
_HTML = (
    "<!doctype html><html><head><meta charset=utf-8><style>body{font-family:sans-serif}p{margin:0 0 1em}</style></head>"
    "<body><h1>Hello {{ name }}</h1>\n"
    + "".join(
        f'<p style="color:#333333">Item {item} of notification {{{{ number }}}} goes to {{{{ name }}}} &amp; friends: '
        f'<a href="https://pulse.example/items/{item}?from=bench&amp;to=you">look at it</a>, it is “new”.</p>\n'
        for item in range(12)
    )
    + "</body></html>\n"
)
KINDS = {
    "email": Kind("bench", "EMAIL", "{prefix}.{number}@example.com"),
    "html": Kind("bench-html", "EMAIL", "{prefix}.{number}@example.com", _HTML),
    "push": Kind("bench-push", "PUSH", "{prefix}:{number}"),
}


@dataclass(frozen=True)
class Asks:
    """Notifications to users of whom each has one, so that no limit is met. ``prefix`` must be new in its ledger."""

    prefix: str
    priority: str = "LOW"
    kind: str = "email"

    def single(self, number: int) -> api.SendNotificationRequest:
        request = api.SendNotificationRequest(
            user_id=f"{self.prefix}-u{number}",
            template_name=KINDS[self.kind].template,
            to=self._address(number),
            channel=enums_pb2.Channel.Value(KINDS[self.kind].channel),
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
                template=KINDS[self.kind].template,
                to=self._address(number),
                channel=KINDS[self.kind].channel,
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
                    "templateName": KINDS[self.kind].template,
                    "to": self._address(number),
                    "channel": KINDS[self.kind].channel,
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

    def _address(self, number: int) -> str:
        return KINDS[self.kind].address.format(prefix=self.prefix, number=number)
