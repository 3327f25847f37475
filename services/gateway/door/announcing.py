"""What the answer to a single send says beside its message: limits, and the HTTP status if it has one of its own."""

from __future__ import annotations

from pulse.router.v1 import router_service_pb2 as router_pb2
from services.gateway.door import rate_limit_fields
from services.gateway.door.calls import Context
from services.gateway.door.headers import Headers
from services.gateway.door.rate_limit_fields import Fields
from shared.rpc.statuses import from_status


async def announce(context: Context, said: Headers, result: router_pb2.SubmitResult, more: Fields = ()) -> None:
    """Adds the RateLimit fields and, on success, ``more`` for REST; raises why the submission was refused.

    Trailing metadata cost a call nothing, so gRPC gets the fields there, refused or not. Envoy makes headers of
    them only when a call fails; what is to be a header of a success must be initial metadata.
    """
    limits = rate_limit_fields.fields(result.quota) if result.HasField("quota") else ()
    refused = result.HasField("error")
    if limits:
        context.set_trailing_metadata(limits)
    if refused:
        raise from_status(result.error)
    initial = (*(limits if said.over_rest else ()), *more)
    if initial:
        await context.send_initial_metadata(initial)
