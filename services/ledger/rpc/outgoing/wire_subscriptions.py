"""Subscriptions and deliveries: protobuf to what the ledger works with, and back."""

from __future__ import annotations

import datetime as dt

from pulse.common.v1 import event_pb2, subscription_pb2
from pulse.ledger.v1 import ledger_subscriptions_pb2 as pb
from services.ledger.outgoing.event_deliveries import Answer, Due, EventDelivery
from services.ledger.outgoing.planning import Codec
from services.ledger.outgoing.subscriptions import Subscription
from services.ledger.rpc.feed import wire_feed
from services.ledger.rules.feed.delivering import Wanted
from services.ledger.rules.feed.event_types import TYPES
from shared.channel.numbers import channel_of
from shared.times import to_duration, to_timestamp

_STATE = subscription_pb2.Subscription.State
_DELIVERY_STATE = subscription_pb2.EventDelivery.State


def document_of(message: subscription_pb2.Subscription) -> bytes:
    """What callers gave of it. Raises INVALID_ARGUMENT for a type of events that there is not."""
    wire_feed.check_types(message.event_types, "subscription.event_types")
    given = subscription_pb2.Subscription(
        url=message.url,
        event_types=message.event_types,
        categories=message.categories,
        channels=message.channels,
        template_names=message.template_names,
        metadata=message.metadata,
        format=message.format or subscription_pb2.Subscription.STANDARD_WEBHOOKS,
        description=message.description,
    )
    return given.SerializeToString()


def subscription(found: Subscription) -> subscription_pb2.Subscription:
    """As callers see it."""
    message = _read(found.document)
    message.subscription_id = found.subscription_id
    message.state = _STATE.Value(found.state)
    for name, moment in (
        ("failing_since", found.failing_since),
        ("create_time", found.created_at),
        ("update_time", found.updated_at),
    ):
        if moment is not None:
            getattr(message, name).CopyFrom(to_timestamp(moment))
    return message


def delivery(found: EventDelivery) -> subscription_pb2.EventDelivery:
    """As callers see it."""
    return subscription_pb2.EventDelivery(
        event_delivery_id=found.event_delivery_id,
        event=event_pb2.Event.FromString(found.event),
        state=_DELIVERY_STATE.Value(found.state),
        attempt=found.attempt,
        create_time=to_timestamp(found.created_at),
        next_attempt_time=to_timestamp(found.due_at),
        last_attempt_time=to_timestamp(found.answered_at),
        latency=None if found.latency_ms is None else to_duration(found.latency_ms / 1000),
        answer_status=found.answer_status,
        answer_body=found.answer_body,
        error=found.error,
    )


def due(found: Due) -> pb.DueEventDelivery:
    """As who sends it is told."""
    message = _read(found.document)
    return pb.DueEventDelivery(
        tenant_id=found.tenant_id,
        subscription_id=found.subscription_id,
        event_delivery_id=found.event_delivery_id,
        attempt=found.attempt,
        url=message.url,
        format=message.format,
        secrets=[secret for secret in (found.secret, found.former_secret) if secret],
        event=event_pb2.Event.FromString(found.event),
    )


def answer_of(message: pb.EventAnswer) -> Answer:
    """What a request came to."""
    asked_for = message.retry_after.ToTimedelta() if message.HasField("retry_after") else None
    return Answer(
        message.tenant_id,
        message.subscription_id,
        message.event_delivery_id,
        message.attempt,
        message.status,
        message.body,
        message.error,
        message.latency.ToTimedelta() / dt.timedelta(milliseconds=1),
        asked_for,
    )


def _types(document: bytes) -> frozenset[str]:
    return frozenset(_read(document).event_types) or TYPES


def _wanted(document: bytes) -> Wanted:
    message = _read(document)
    channels = (channel_of(number) for number in message.channels)
    return Wanted(
        frozenset(message.categories),
        frozenset(channel.value for channel in channels if channel is not None),
        frozenset(message.template_names),
        dict(message.metadata),
    )


def _read(document: bytes) -> subscription_pb2.Subscription:
    return subscription_pb2.Subscription.FromString(document)


CODEC = Codec(_types, _wanted, lambda found: wire_feed.event(found).SerializeToString())
