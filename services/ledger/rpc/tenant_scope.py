"""Says for which tenants a call is made, by its request alone, before anything looks at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import grpc.aio

from services.ledger.postgres import tenancy
from services.ledger.postgres.tenancy import Platform, Scope

#: Methods that are always about all tenants: the dispatcher takes what is due of any, and providers serve all.
PLATFORM = frozenset(
    {
        *("Draw", "ExchangeProviderStates", "ListProviderStates", "SetPause", "OverrideBreaker"),
        *("DrawEventDeliveries", "SettleEventDeliveries"),
    }
)
#: Methods that are about all tenants if their request names none.
PLATFORM_IF_UNNAMED = frozenset(
    {"GetQueueDepths", "GetStatistics", "ListLimits", "ListKeys", "SetLimit", "DeleteLimit"}
)

#: Where requests name tenants.
_BATCHES = ("refs", "wanted", "uses", "entries", "settlements", "receipts")
_PARTS = ("ref", "limit", "key")
#: Parts of a request that are requests themselves.
_HALVES = ("settle", "claim")


class TenantScope(grpc.aio.ServerInterceptor):
    """Goes between gRPC and the servicers."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        service, _, method = str(handler_call_details.method).rpartition("/")
        if handler is None or not service.startswith("/pulse.ledger."):
            return handler
        parse, serialize = handler.request_deserializer, handler.response_serializer
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(_unary(handler.unary_unary, method), parse, serialize)
        # A conversation names tenants as it goes on: its servicer says for whom each step is.
        return handler


def scope(method: str, request: Any) -> Scope:
    """For whom a call of ``method`` is made: the platform, or the tenants that its request names."""
    if method in PLATFORM:
        return Platform.ALL
    named = frozenset(_named(request)) - {""}
    return Platform.ALL if not named and method in PLATFORM_IF_UNNAMED else named


def _named(request: Any) -> Iterator[str]:
    fields = request.DESCRIPTOR.fields_by_name
    if "tenant_id" in fields:
        yield request.tenant_id
    for name in _PARTS:
        if name in fields:
            yield getattr(request, name).tenant_id
    for name in _HALVES:
        if name in fields:
            yield from _named(getattr(request, name))
    for name in _BATCHES:
        if name in fields:
            batch = getattr(request, name)
            if "tenant_id" in fields[name].message_type.fields_by_name:
                yield from (one.tenant_id for one in batch)
            else:
                yield from (one.ref.tenant_id for one in batch)


def _unary(behaviour: Any, method: str) -> Any:
    async def scoped(request: Any, context: Any) -> Any:
        tenancy.enter(scope(method, request))
        return await behaviour(request, context)

    return scoped
