"""Calls on subscriptions."""

from __future__ import annotations

import datetime as dt

from pulse.common.v1 import subscription_pb2
from pulse.gateway.v1 import subscription_service_pb2 as pb
from pulse.gateway.v1.subscription_service_pb2_grpc import SubscriptionServiceStub as Stub
from pulse_client.calls import Call, Page, page
from pulse_client.subscriptions.subscription import (
    EventDelivery,
    EventDeliveryState,
    NewSubscription,
    Subscription,
    read_delivery,
    read_subscription,
    to_message,
)
from pulse_client.wire import number, to_timestamp


def create(wanted: Subscription) -> Call[NewSubscription]:
    """CreateSubscription."""
    request = pb.CreateSubscriptionRequest(subscription=to_message(wanted))
    return Call(
        Stub,
        "CreateSubscription",
        request,
        lambda made: NewSubscription(read_subscription(made.subscription), made.secret),
    )


def update(wanted: Subscription) -> Call[Subscription]:
    """UpdateSubscription."""
    request = pb.UpdateSubscriptionRequest(subscription=to_message(wanted))
    return Call(Stub, "UpdateSubscription", request, read_subscription)


def get(subscription_id: str) -> Call[Subscription]:
    """GetSubscription."""
    request = pb.GetSubscriptionRequest(subscription_id=subscription_id)
    return Call(Stub, "GetSubscription", request, read_subscription)


def list_all() -> Call[tuple[Subscription, ...]]:
    """ListSubscriptions."""
    return Call(
        Stub,
        "ListSubscriptions",
        pb.ListSubscriptionsRequest(),
        lambda found: tuple(read_subscription(one) for one in found.subscriptions),
    )


def delete(subscription_id: str) -> Call[None]:
    """DeleteSubscription."""
    request = pb.DeleteSubscriptionRequest(subscription_id=subscription_id)
    return Call(Stub, "DeleteSubscription", request, lambda _empty: None)


def rotate(subscription_id: str) -> Call[str]:
    """RotateSubscriptionSecret."""
    request = pb.RotateSubscriptionSecretRequest(subscription_id=subscription_id)
    return Call(Stub, "RotateSubscriptionSecret", request, lambda made: str(made.secret))


def test(subscription_id: str) -> Call[EventDelivery]:
    """TestSubscription."""
    return Call(Stub, "TestSubscription", pb.TestSubscriptionRequest(subscription_id=subscription_id), read_delivery)


def pause(subscription_id: str) -> Call[Subscription]:
    """PauseSubscription."""
    request = pb.PauseSubscriptionRequest(subscription_id=subscription_id)
    return Call(Stub, "PauseSubscription", request, read_subscription)


def resume(subscription_id: str) -> Call[Subscription]:
    """ResumeSubscription."""
    request = pb.ResumeSubscriptionRequest(subscription_id=subscription_id)
    return Call(Stub, "ResumeSubscription", request, read_subscription)


def deliveries(
    subscription_id: str, state: EventDeliveryState | str | None, page_size: int
) -> Call[Page[EventDelivery]]:
    """ListEventDeliveries, first page."""
    request = pb.ListEventDeliveriesRequest(
        subscription_id=subscription_id,
        page_size=page_size,
        state=number(EventDeliveryState, subscription_pb2.EventDelivery.State, state),
    )
    return page(Stub, "ListEventDeliveries", request, "event_deliveries", read_delivery)


def redeliver(
    subscription_id: str, event_id: str, created_after: dt.datetime | None, created_before: dt.datetime | None
) -> Call[int]:
    """RedeliverEvents."""
    request = pb.RedeliverEventsRequest(
        subscription_id=subscription_id,
        event_id=event_id,
        created_after=to_timestamp(created_after),
        created_before=to_timestamp(created_before),
    )
    return Call(Stub, "RedeliverEvents", request, lambda answer: int(answer.count))
