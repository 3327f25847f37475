"""Python client of Pulse: send notifications and follow them, from ordinary code or from asyncio.

>>> with Client("127.0.0.1:50051") as pulse:
...     sent = pulse.send(user_id="u1", template="welcome_email", to="ann@example.org", context={"name": "Ann"})
...     pulse.wait(sent.notification_id).status
<Status.SENT: 'SENT'>
"""

from __future__ import annotations

from pulse_client.aio import AsyncClient
from pulse_client.attachments.attachment import Attachment, StoredAttachment
from pulse_client.client import Client
from pulse_client.destinations.destination import Destination
from pulse_client.enums import (
    BreakerOverride,
    BreakerState,
    Channel,
    DeliveryGuarantee,
    DeviceKind,
    EventKind,
    LimitKind,
    Outcome,
    Priority,
    ReplayTemplate,
    Status,
    SuppressionReason,
)
from pulse_client.errors import PulseError, Violation
from pulse_client.feed.event import FeedEvent
from pulse_client.fragments.fragment import Fragment, FragmentContent, FragmentPin, FragmentUse
from pulse_client.models import (
    Cost,
    Decision,
    DeviceAttempt,
    Event,
    Failure,
    Fallback,
    Notification,
    Preview,
    Price,
    QueueDepth,
    Sent,
    SmsSize,
    Statistics,
    StatusCount,
)
from pulse_client.operations import Cancelled, Limit, ProviderState, Replay
from pulse_client.recipient import Choice, DeviceToken, Preferences, Suppression
from pulse_client.request import Request
from pulse_client.senders.sender import Sender
from pulse_client.subscriptions.subscription import (
    EventDelivery,
    EventDeliveryState,
    NewSubscription,
    Subscription,
    SubscriptionFormat,
    SubscriptionState,
)
from pulse_client.template import Template, TemplateContent

__all__ = [
    "AsyncClient",
    "Attachment",
    "BreakerOverride",
    "BreakerState",
    "Cancelled",
    "Channel",
    "Choice",
    "Client",
    "Cost",
    "Decision",
    "DeliveryGuarantee",
    "Destination",
    "DeviceAttempt",
    "DeviceKind",
    "DeviceToken",
    "Event",
    "EventDelivery",
    "EventDeliveryState",
    "EventKind",
    "Failure",
    "Fallback",
    "FeedEvent",
    "Fragment",
    "FragmentContent",
    "FragmentPin",
    "FragmentUse",
    "Limit",
    "LimitKind",
    "NewSubscription",
    "Notification",
    "Outcome",
    "Preferences",
    "Preview",
    "Price",
    "Priority",
    "ProviderState",
    "PulseError",
    "QueueDepth",
    "Replay",
    "ReplayTemplate",
    "Request",
    "Sender",
    "Sent",
    "SmsSize",
    "Statistics",
    "Status",
    "StatusCount",
    "StoredAttachment",
    "Subscription",
    "SubscriptionFormat",
    "SubscriptionState",
    "Suppression",
    "SuppressionReason",
    "Template",
    "TemplateContent",
    "Violation",
]
