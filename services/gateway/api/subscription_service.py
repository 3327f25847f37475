"""SubscriptionService: convert, ask, convert back."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from google.protobuf import empty_pb2

from pulse.common.v1 import subscription_pb2
from pulse.gateway.v1 import subscription_service_pb2 as api
from pulse.gateway.v1 import subscription_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_subscriptions_pb2 as ledger
from services.gateway import wire
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from services.gateway.rules.subscription_rules import check_url
from shared.net.public_addresses import Network
from shared.rpc.validation import check

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_subscriptions_pb2_grpc import LedgerSubscriptionsAsyncStub

_WRITE, _READ = "operate", "read"
_DEFAULT_SIZE = 50
#: Of a secret.
_BYTES = 32


class SubscriptionService(api_grpc.SubscriptionServiceServicer):
    """The public door to subscriptions. They may lead into the internet, and into networks ``besides``."""

    def __init__(self, entry: Entry, subscriptions: LedgerSubscriptionsAsyncStub, besides: Sequence[Network]) -> None:
        self._entry = entry
        self._ledger = subscriptions
        self._besides = besides

    async def CreateSubscription(
        self, request: api.CreateSubscriptionRequest, context: Context
    ) -> api.CreateSubscriptionResponse:
        caller = self._entry.caller(context, _WRITE)
        self._check(request)
        inner = ledger.CreateSubscriptionRequest(
            tenant_id=caller.tenant_id, subscription=request.subscription, secret=_new_secret()
        )
        stored = await ask(self._ledger.CreateSubscription, inner)
        return api.CreateSubscriptionResponse(subscription=stored, secret=inner.secret)

    async def GetSubscription(
        self, request: api.GetSubscriptionRequest, context: Context
    ) -> subscription_pb2.Subscription:
        caller = self._entry.caller(context, _READ)
        check(request)
        inner = ledger.ListSubscriptionsRequest(tenant_id=caller.tenant_id, subscription_id=request.subscription_id)
        return (await ask(self._ledger.ListSubscriptions, inner)).subscriptions[0]

    async def ListSubscriptions(
        self, request: api.ListSubscriptionsRequest, context: Context
    ) -> api.ListSubscriptionsResponse:
        caller = self._entry.caller(context, _READ)
        found = await ask(self._ledger.ListSubscriptions, ledger.ListSubscriptionsRequest(tenant_id=caller.tenant_id))
        return api.ListSubscriptionsResponse(subscriptions=found.subscriptions)

    async def UpdateSubscription(
        self, request: api.UpdateSubscriptionRequest, context: Context
    ) -> subscription_pb2.Subscription:
        caller = self._entry.caller(context, _WRITE)
        self._check(request)
        inner = ledger.UpdateSubscriptionRequest(tenant_id=caller.tenant_id, subscription=request.subscription)
        return await ask(self._ledger.UpdateSubscription, inner)

    async def DeleteSubscription(self, request: api.DeleteSubscriptionRequest, context: Context) -> empty_pb2.Empty:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        inner = ledger.DeleteSubscriptionRequest(tenant_id=caller.tenant_id, subscription_id=request.subscription_id)
        await ask(self._ledger.DeleteSubscription, inner)
        return empty_pb2.Empty()

    async def RotateSubscriptionSecret(
        self, request: api.RotateSubscriptionSecretRequest, context: Context
    ) -> api.RotateSubscriptionSecretResponse:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        inner = ledger.RotateSecretRequest(
            tenant_id=caller.tenant_id, subscription_id=request.subscription_id, secret=_new_secret()
        )
        await ask(self._ledger.RotateSecret, inner)
        return api.RotateSubscriptionSecretResponse(secret=inner.secret)

    async def TestSubscription(
        self, request: api.TestSubscriptionRequest, context: Context
    ) -> subscription_pb2.EventDelivery:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        inner = ledger.TestSubscriptionRequest(tenant_id=caller.tenant_id, subscription_id=request.subscription_id)
        return await ask(self._ledger.TestSubscription, inner)

    async def PauseSubscription(
        self, request: api.PauseSubscriptionRequest, context: Context
    ) -> subscription_pb2.Subscription:
        return await self._set_state(request, context, paused=True)

    async def ResumeSubscription(
        self, request: api.ResumeSubscriptionRequest, context: Context
    ) -> subscription_pb2.Subscription:
        return await self._set_state(request, context, paused=False)

    async def ListEventDeliveries(
        self, request: api.ListEventDeliveriesRequest, context: Context
    ) -> api.ListEventDeliveriesResponse:
        caller = self._entry.caller(context, _READ)
        check(request)
        inner = ledger.ListEventDeliveriesRequest(
            tenant_id=caller.tenant_id,
            subscription_id=request.subscription_id,
            page_size=request.page_size or _DEFAULT_SIZE,
            page_token=request.page_token,
            state=request.state,
        )
        page = await ask(self._ledger.ListEventDeliveries, inner)
        return api.ListEventDeliveriesResponse(
            event_deliveries=page.event_deliveries, next_page_token=page.next_page_token
        )

    async def RedeliverEvents(
        self, request: api.RedeliverEventsRequest, context: Context
    ) -> api.RedeliverEventsResponse:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        inner = ledger.RedeliverEventsRequest(
            tenant_id=caller.tenant_id,
            subscription_id=request.subscription_id,
            event_id=request.event_id,
            created_after=wire.time_filter(request, "created_after"),
            created_before=wire.time_filter(request, "created_before"),
        )
        return api.RedeliverEventsResponse(count=(await ask(self._ledger.RedeliverEvents, inner)).count)

    async def _set_state(
        self, request: api.PauseSubscriptionRequest | api.ResumeSubscriptionRequest, context: Context, *, paused: bool
    ) -> subscription_pb2.Subscription:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        inner = ledger.SetStateRequest(
            tenant_id=caller.tenant_id, subscription_id=request.subscription_id, paused=paused
        )
        return await ask(self._ledger.SetState, inner)

    def _check(self, request: api.CreateSubscriptionRequest | api.UpdateSubscriptionRequest) -> None:
        check(request)
        check_url(request.subscription.url, self._besides)
        for number, kind in enumerate(request.subscription.channels):
            wire.channel(kind, f"subscription.channels[{number}]")


def _new_secret() -> str:
    """As https://www.standardwebhooks.com has it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_BYTES)).decode('ascii')}"
