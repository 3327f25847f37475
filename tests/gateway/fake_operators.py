"""The ledger's and the delivery service's side of limits and providers, in memory."""

from __future__ import annotations

from typing import Any

from pulse.common.v1 import enums_pb2, limit_pb2, provider_pb2
from pulse.delivery.v1 import delivery_service_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from shared.errors import PulseError, not_found
from tests.gateway.fake_destinations import KEY, Sealing


class Operators:
    """What operators decided, and the requests it came in."""

    def __init__(self) -> None:
        self.limits: dict[tuple[str, str], limit_pb2.Limit] = {}
        self.states: list[provider_pb2.ProviderState] = []
        self.requests: list[Any] = []


class OperatorReads:
    """For the reader."""

    operators: Operators

    async def ListLimits(self, request: Any, context: Any) -> Any:
        self.operators.requests.append(request)
        wanted = {"", request.tenant_id}
        found = [limit for (tenant, _), limit in sorted(self.operators.limits.items()) if tenant in wanted]
        return ledger_reader_pb2.ListLimitsResponse(limits=found)

    async def ListProviderStates(self, request: Any, context: Any) -> Any:
        return ledger_reader_pb2.ListProviderStatesResponse(states=self.operators.states)


class OperatorWrites:
    """For the admin."""

    operators: Operators

    async def SetLimit(self, request: Any, context: Any) -> Any:
        self.operators.requests.append(request)
        limit = request.limit
        kind = limit_pb2.Limit.Kind.Name(limit.kind).lower()
        limit.limit_id = f"{kind}:{limit.subject}" if limit.subject else kind
        self.operators.limits[limit.tenant_id, limit.limit_id] = limit
        return ledger_admin_pb2.SetLimitResponse(limit=limit)

    async def DeleteLimit(self, request: Any, context: Any) -> Any:
        self.operators.requests.append(request)
        if self.operators.limits.pop((request.tenant_id, request.limit_id), None) is None:
            raise not_found("limit", request.limit_id)
        return ledger_admin_pb2.DeleteLimitResponse()

    async def SetPause(self, request: Any, context: Any) -> Any:
        self.operators.requests.append(request)
        return ledger_admin_pb2.SetPauseResponse()

    async def OverrideBreaker(self, request: Any, context: Any) -> Any:
        self.operators.requests.append(request)
        for state in self.operators.states:
            if state.provider == request.provider:
                state.override = request.override
                return ledger_admin_pb2.OverrideBreakerResponse(state=state)
        raise not_found("provider", request.provider)


class FakeDelivery(Sealing):
    """One provider of mail that can be reached, and one of SMS that cannot."""

    def __init__(self) -> None:
        self.fail: PulseError | None = None
        self.environment = {"PULSE_APPRISE_KEYS": KEY, "PULSE_APPRISE_BASE_URL": "http://127.0.0.1:9/chat"}

    async def ListProviders(self, request: Any, context: Any) -> Any:
        if self.fail:
            raise self.fail
        tried = {"seconds": 9}
        return delivery_service_pb2.ListProvidersResponse(
            providers=[
                delivery_service_pb2.Provider(name="smtp", channel=enums_pb2.EMAIL, reachable=True, check_time=tried),
                delivery_service_pb2.Provider(
                    name="twilio", channel=enums_pb2.SMS, problem="refused", check_time=tried
                ),
            ]
        )
