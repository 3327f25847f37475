"""The ledger, as the router calls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import grpc.aio
from opentelemetry.trace import SpanKind

from pulse.ledger.v1 import ledger_service_pb2 as calls
from pulse.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from pulse.ledger.v1.records_pb2 import Entry, KeyUse, ProviderAllowance, RecordResult
from shared.lane.names import Lane
from shared.lane.numbers import priority_of
from shared.observe import tracing
from shared.observe.metrics import Observe
from shared.observe.tracing import OFF, Tracer
from shared.refs import Ref
from shared.rpc import channels
from shared.rpc.former import FormerPeers
from shared.times import to_duration

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_service_pb2_grpc import LedgerServiceAsyncStub


_RECORD = "pulse.ledger.v1.LedgerService/Record"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is to be dispatched, whether more is due that may be, and how much of each allowance was used."""

    refs: list[Ref]
    more: bool
    used: Mapping[str, int]


class Ledger:
    """Calls that raise :class:`shared.errors.PulseError`, each at most ``timeout`` s long.

    ``recorded`` and ``drawn`` are told how many notifications each batch held.
    """

    def __init__(
        self, channel: grpc.aio.Channel, timeout: float, *, recorded: Observe, drawn: Observe, tracer: Tracer = OFF
    ) -> None:
        self._stub: LedgerServiceAsyncStub = LedgerServiceStub(channel)
        self._timeout = timeout
        self._recorded = recorded
        self._drawn = drawn
        self._tracer = tracer
        self._former = FormerPeers(Entry)

    async def record(self, request: calls.RecordRequest) -> Sequence[RecordResult]:
        """Records 1 to 1,000 entries in one transaction; what became of each, in order."""
        self._recorded(len(request.entries))
        members = [entry.traceparent for entry in request.entries] if self._tracer.on else ()
        with tracing.within(self._tracer.start_batch(_RECORD, members, SpanKind.CLIENT)):
            record = partial(channels.call, self._stub.Record, request, self._timeout)
            return (await self._former.call(request.entries, record)).results

    async def look_up(self, uses: Sequence[KeyUse]) -> Sequence[RecordResult]:
        """What 1 to 1,000 idempotency keys were used for, in order; an empty id for one never used."""
        request = calls.LookupKeysRequest(uses=uses)
        return (await channels.call(self._stub.LookupKeys, request, self._timeout)).results

    async def draw(
        self, lane: Lane, limit: int, redispatch_after: float, allowances: Mapping[str, int] = MappingProxyType({})
    ) -> Drawn:
        """Up to ``limit`` due notifications, not drawn again for ``redispatch_after`` s.

        Of those that wait for a provider of ``allowances``, no more than it says.
        """
        request = calls.DrawRequest(
            lane=priority_of(lane),
            limit=limit,
            redispatch_after=to_duration(redispatch_after),
            allowances=[ProviderAllowance(provider=name, count=count) for name, count in allowances.items()],
        )
        response = await channels.call(self._stub.Draw, request, self._timeout)
        if response.refs:
            self._drawn(len(response.refs))
        used = {one.provider: one.count for one in response.used}
        return Drawn([(ref.tenant_id, ref.notification_id) for ref in response.refs], response.more, used)
