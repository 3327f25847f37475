"""Python client of Pulse: send notifications and follow them, from ordinary code or from asyncio.

>>> with Client("127.0.0.1:50051") as pulse:
...     sent = pulse.send(user_id="u1", template="welcome_email", to="ann@example.org", context={"name": "Ann"})
...     pulse.wait(sent.notification_id).status
<Status.SENT: 'SENT'>
"""

from __future__ import annotations

from pulse_client.aio import AsyncClient
from pulse_client.client import Client
from pulse_client.enums import Channel, DeliveryGuarantee, EventKind, Outcome, Priority, Status
from pulse_client.errors import PulseError, Violation
from pulse_client.models import (
    Decision,
    Event,
    Failure,
    Notification,
    Preview,
    QueueDepth,
    Sent,
    Statistics,
    StatusCount,
)
from pulse_client.request import Request
from pulse_client.template import Template, TemplateContent

__all__ = [
    "AsyncClient",
    "Channel",
    "Client",
    "Decision",
    "DeliveryGuarantee",
    "Event",
    "EventKind",
    "Failure",
    "Notification",
    "Outcome",
    "Preview",
    "Priority",
    "PulseError",
    "QueueDepth",
    "Request",
    "Sent",
    "Statistics",
    "Status",
    "StatusCount",
    "Template",
    "TemplateContent",
    "Violation",
]
