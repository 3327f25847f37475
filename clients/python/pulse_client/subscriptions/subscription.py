"""A subscription, and what became of its events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pulse.common.v1 import enums_pb2, subscription_pb2
from pulse_client.enums import Channel
from pulse_client.feed.event import FeedEvent, read_event
from pulse_client.wire import length, name, number, time


class SubscriptionFormat(StrEnum):
    """How requests are written."""

    UNSPECIFIED = "UNSPECIFIED"
    STANDARD_WEBHOOKS = "STANDARD_WEBHOOKS"
    CLOUDEVENTS = "CLOUDEVENTS"


class SubscriptionState(StrEnum):
    """Whether an endpoint is sent events; DISABLED: it is gone, or failed for five days."""

    UNSPECIFIED = "UNSPECIFIED"
    ENABLED = "ENABLED"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


class EventDeliveryState(StrEnum):
    """Where an event stands on its way to an endpoint."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Subscription:
    """An endpoint that is sent events. What is empty does not narrow them down; the fields from ``subscription_id`` on
    are Pulse's."""

    url: str
    event_types: Sequence[str] = ()
    categories: Sequence[str] = ()
    channels: Sequence[Channel | str] = ()
    template_names: Sequence[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    format: SubscriptionFormat | str = SubscriptionFormat.STANDARD_WEBHOOKS
    description: str = ""
    subscription_id: str = ""
    state: SubscriptionState = SubscriptionState.UNSPECIFIED
    failing_since: dt.datetime | None = None
    create_time: dt.datetime | None = None
    update_time: dt.datetime | None = None


@dataclass(frozen=True)
class NewSubscription:
    """A subscription that was made, and the ``secret`` that signs its requests: it is told once."""

    subscription: Subscription
    secret: str


@dataclass(frozen=True)
class EventDelivery:
    """One event on its way to one endpoint, with the last answer; ``answer_status`` 0: there was none."""

    event_delivery_id: str
    event: FeedEvent
    state: EventDeliveryState
    attempt: int
    create_time: dt.datetime | None
    next_attempt_time: dt.datetime | None
    last_attempt_time: dt.datetime | None
    latency: dt.timedelta | None
    answer_status: int
    answer_body: str
    error: str


def to_message(wanted: Subscription) -> subscription_pb2.Subscription:
    """As it crosses the wire."""
    return subscription_pb2.Subscription(
        subscription_id=wanted.subscription_id,
        url=wanted.url,
        event_types=wanted.event_types,
        categories=wanted.categories,
        channels=[number(Channel, enums_pb2.Channel, channel) for channel in wanted.channels],
        template_names=wanted.template_names,
        metadata=wanted.metadata,
        format=number(SubscriptionFormat, subscription_pb2.Subscription.Format, wanted.format),
        description=wanted.description,
    )


def read_subscription(kept: subscription_pb2.Subscription) -> Subscription:
    """From SubscriptionService."""
    return Subscription(
        url=kept.url,
        event_types=tuple(kept.event_types),
        categories=tuple(kept.categories),
        channels=tuple(name(Channel, enums_pb2.Channel, channel) for channel in kept.channels),
        template_names=tuple(kept.template_names),
        metadata=dict(kept.metadata),
        format=name(SubscriptionFormat, subscription_pb2.Subscription.Format, kept.format),
        description=kept.description,
        subscription_id=kept.subscription_id,
        state=name(SubscriptionState, subscription_pb2.Subscription.State, kept.state),
        failing_since=time(kept, "failing_since"),
        create_time=time(kept, "create_time"),
        update_time=time(kept, "update_time"),
    )


def read_delivery(kept: subscription_pb2.EventDelivery) -> EventDelivery:
    """From TestSubscription and ListEventDeliveries."""
    return EventDelivery(
        event_delivery_id=kept.event_delivery_id,
        event=read_event(kept.event),
        state=name(EventDeliveryState, subscription_pb2.EventDelivery.State, kept.state),
        attempt=kept.attempt,
        create_time=time(kept, "create_time"),
        next_attempt_time=time(kept, "next_attempt_time"),
        last_attempt_time=time(kept, "last_attempt_time"),
        latency=length(kept, "latency"),
        answer_status=kept.answer_status,
        answer_body=kept.answer_body,
        error=kept.error,
    )
