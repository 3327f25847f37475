"""LedgerSubscriptions: converts, calls, converts back."""

from __future__ import annotations

import uuid
from typing import Any

from pulse.common.v1 import event_pb2, subscription_pb2
from pulse.ledger.v1 import ledger_subscriptions_pb2 as pb
from pulse.ledger.v1 import ledger_subscriptions_pb2_grpc
from services.ledger.outgoing.event_deliveries import EventDeliveries
from services.ledger.outgoing.subscriptions import Subscription, Subscriptions
from services.ledger.rpc import pages, wire
from services.ledger.rpc.outgoing import wire_subscriptions
from services.ledger.rpc.pages import PageRequest
from services.ledger.rules.feed.delivering import SubscriptionState
from services.ledger.stores.paging import EventDeliveryFilter
from shared.clock import Clock
from shared.errors import Code, PulseError, not_found
from shared.rpc.validation import check
from shared.times import to_timestamp

#: The lease of who does not say, s.
_LEASE = 60.0
_NO_STATE = subscription_pb2.EventDelivery.STATE_UNSPECIFIED


class LedgerSubscriptions(ledger_subscriptions_pb2_grpc.LedgerSubscriptionsServicer):
    """Keeps subscriptions, and gives out what is to be sent."""

    def __init__(self, subscriptions: Subscriptions, deliveries: EventDeliveries, clock: Clock) -> None:
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self._clock = clock

    async def CreateSubscription(self, request: Any, context: Any) -> subscription_pb2.Subscription:
        check(request)
        document = wire_subscriptions.document_of(request.subscription)
        stored = await self._subscriptions.create(request.tenant_id, document, request.secret)
        return wire_subscriptions.subscription(stored)

    async def ListSubscriptions(self, request: Any, context: Any) -> pb.ListSubscriptionsResponse:
        check(request)
        if request.subscription_id:
            found = [await self._one(request)]
        else:
            found = await self._subscriptions.list(request.tenant_id)
        return pb.ListSubscriptionsResponse(subscriptions=[wire_subscriptions.subscription(one) for one in found])

    async def UpdateSubscription(self, request: Any, context: Any) -> subscription_pb2.Subscription:
        check(request)
        id_ = _id(request.subscription.subscription_id)
        document = wire_subscriptions.document_of(request.subscription)
        return _shown(await self._subscriptions.update(request.tenant_id, id_, document), id_)

    async def DeleteSubscription(self, request: Any, context: Any) -> pb.DeleteSubscriptionResponse:
        check(request)
        if not await self._subscriptions.delete(request.tenant_id, _id(request.subscription_id)):
            raise not_found("SUBSCRIPTION", request.subscription_id)
        return pb.DeleteSubscriptionResponse()

    async def RotateSecret(self, request: Any, context: Any) -> pb.RotateSecretResponse:
        check(request)
        id_ = _id(request.subscription_id)
        if not await self._subscriptions.rotate(request.tenant_id, id_, request.secret):
            raise not_found("SUBSCRIPTION", id_)
        return pb.RotateSecretResponse()

    async def SetState(self, request: Any, context: Any) -> subscription_pb2.Subscription:
        check(request)
        id_ = _id(request.subscription_id)
        state = SubscriptionState.PAUSED if request.paused else SubscriptionState.ENABLED
        return _shown(await self._subscriptions.set_state(request.tenant_id, id_, state), id_)

    async def TestSubscription(self, request: Any, context: Any) -> subscription_pb2.EventDelivery:
        check(request)
        found = await self._one(request)
        if found.state != SubscriptionState.ENABLED:
            raise PulseError(
                Code.FAILED_PRECONDITION,
                "SUBSCRIPTION_NOT_ENABLED",
                f"the subscription is {found.state}, and is sent nothing",
                hint="resume it first",
            )
        event = event_pb2.Event(
            event_id=str(uuid.uuid4()), type="subscription.test", time=to_timestamp(self._clock.now())
        )
        event.data.subscription_id = found.subscription_id
        added = await self._deliveries.add(
            request.tenant_id, found.subscription_id, event.event_id, event.SerializeToString()
        )
        return wire_subscriptions.delivery(added)

    async def ListEventDeliveries(self, request: Any, context: Any) -> pb.ListEventDeliveriesResponse:
        check(request)
        found = await self._one(request)
        state = "" if request.state == _NO_STATE else subscription_pb2.EventDelivery.State.Name(request.state)
        wanted = EventDeliveryFilter(request.tenant_id, found.subscription_id, state)
        shown, token = await pages.page(
            PageRequest(wanted, request.page_size, request.page_token),
            lambda count, last: self._deliveries.page(request.tenant_id, found.subscription_id, state, count, last),
            lambda row: row.event_delivery_id,
            wire_subscriptions.delivery,
        )
        return pb.ListEventDeliveriesResponse(event_deliveries=shown, next_page_token=token)

    async def RedeliverEvents(self, request: Any, context: Any) -> pb.RedeliverEventsResponse:
        check(request)
        found = await self._one(request)
        created = wire.moment(request, "created_after"), wire.moment(request, "created_before")
        count = await self._deliveries.redeliver(request.tenant_id, found.subscription_id, request.event_id, created)
        return pb.RedeliverEventsResponse(count=count)

    async def DrawEventDeliveries(self, request: Any, context: Any) -> pb.DrawEventDeliveriesResponse:
        check(request)
        found = await self._deliveries.draw(request.limit, request.most_of_one, wire.length(request.lease, _LEASE))
        return pb.DrawEventDeliveriesResponse(due=[wire_subscriptions.due(one) for one in found])

    async def SettleEventDeliveries(self, request: Any, context: Any) -> pb.SettleEventDeliveriesResponse:
        check(request)
        answers = [wire_subscriptions.answer_of(one) for one in request.answers]
        return pb.SettleEventDeliveriesResponse(disabled=await self._deliveries.settle(answers))

    async def _one(self, request: Any) -> Subscription:
        id_ = _id(request.subscription_id)
        found = await self._subscriptions.list(request.tenant_id, id_)
        if not found:
            raise not_found("SUBSCRIPTION", id_)
        return found[0]


def _shown(found: Subscription | None, subscription_id: str) -> subscription_pb2.Subscription:
    if found is None:
        raise not_found("SUBSCRIPTION", subscription_id)
    return wire_subscriptions.subscription(found)


def _id(text: str) -> str:
    """A UUID; raises NOT_FOUND for what names none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise not_found("SUBSCRIPTION", text) from None
