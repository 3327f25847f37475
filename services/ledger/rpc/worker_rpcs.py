"""What workers call: claims and settlements. Converts, calls, converts back."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence, Sized
from typing import Any

from google.protobuf.duration_pb2 import Duration

from pulse.ledger.v1 import ledger_service_pb2 as pb
from pulse.ledger.v1 import ledger_service_pb2_grpc, records_pb2
from services.ledger.config import LedgerSettings
from services.ledger.draw.high_traffic import HighTraffic
from services.ledger.move.claim import Claimant, Claimed, Claimer
from services.ledger.move.rounds import Rounds
from services.ledger.move.settle import Settler
from services.ledger.move.settled import NOTHING, Settled
from services.ledger.rpc import wire
from services.ledger.rpc.observers import Observers, tell
from services.ledger.rules.delivery import Lane
from services.ledger.rules.settlements import Settlement
from shared.errors import PulseError, Violation, invalid
from shared.rpc.statuses import to_status

#: Most entries, references, settlements, receipts or keys in one call.
_MOST = 1_000
#: However long a worker would hold what it is given.
_LONGEST_LEASE = dt.timedelta(hours=1)


class WorkerRpcs(ledger_service_pb2_grpc.LedgerServiceServicer):
    """For workers: part of LedgerService."""

    _settings: LedgerSettings
    _claimer: Claimer
    _settler: Settler
    _rounds: Rounds
    _observers: Observers
    _high: HighTraffic

    async def Claim(self, request: pb.ClaimRequest, context: Any) -> pb.ClaimResponse:
        began = time.time_ns()
        bounded("refs", request.refs)
        claimed = await self._claimer.claim(wire.refs(request.refs), self._claimant(request))
        return self._claimed(request, claimed, began)

    async def Settle(self, request: pb.SettleRequest, context: Any) -> pb.SettleResponse:
        began = time.time_ns()
        bounded("settlements", request.settlements)
        converted = [wire.settlement(message) for message in request.settlements]
        settled = await self._settler.settle([one for one in converted if one is not None])
        return self._settled(request, converted, settled, began)

    async def SettleAndClaim(self, request: pb.SettleAndClaimRequest, context: Any) -> pb.SettleAndClaimResponse:
        began = time.time_ns()
        if not request.HasField("claim"):
            return pb.SettleAndClaimResponse(settled=await self.Settle(request.settle, context))
        if not request.HasField("settle"):
            return pb.SettleAndClaimResponse(claimed=await self.Claim(request.claim, context))
        bounded("settle.settlements", request.settle.settlements)
        bounded("claim.refs", request.claim.refs)
        converted = [_settlement_or_none(message) for message in request.settle.settlements]
        batch, refs = [one for one in converted if one is not None], wire.refs(request.claim.refs)
        settled, claimed = await self._rounds.run(batch, refs, self._claimant(request.claim))
        response = pb.SettleAndClaimResponse()
        if isinstance(settled, PulseError):
            response.settle_error.CopyFrom(to_status(settled))
        else:
            response.settled.MergeFrom(self._settled(request.settle, converted, settled, began))
        if isinstance(claimed, PulseError):
            response.claim_error.CopyFrom(to_status(claimed))
        else:
            response.claimed.MergeFrom(self._claimed(request.claim, claimed, began))
        return response

    def _claimant(self, request: pb.ClaimRequest) -> Claimant:
        avoided_for = [(one.tenant_id, one.provider) for one in request.avoid_for_tenants[:_MOST]]
        lease, avoided = self._lease(request.lease), request.avoid_providers
        return Claimant(wire.clean(request.worker_id), lease, avoided, avoided_for, request.reads_devices)

    def _lease(self, asked: Duration) -> dt.timedelta:
        return min(wire.length(asked, self._settings.ledger_lease_seconds), _LONGEST_LEASE)

    def _claimed(self, request: pb.ClaimRequest, claimed: Claimed, began: int) -> pb.ClaimResponse:
        critical = self._settings.critical_categories
        if any(delivery.lane is Lane.HIGH for delivery, _ in claimed.deliveries):
            self._high.seen()
        messages = [
            wire.claimed(delivery, content, critical, reads_asked=request.reads_asked)
            for delivery, content in claimed.deliveries
        ]
        left = map(wire.to_ref, claimed.left)
        response = pb.ClaimResponse(claimed=messages, high_under_way=self._high.under_way, left=left)
        tell(self._observers.claimed, request, response, began)
        return response

    def _settled(
        self, request: pb.SettleRequest, converted: Sequence[Settlement | None], settled: Sequence[Settled], began: int
    ) -> pb.SettleResponse:
        answers = iter(settled)
        results = [wire.settle_result(NOTHING if one is None else next(answers)) for one in converted]
        response = pb.SettleResponse(results=results)
        tell(self._observers.settled, request, response, began)
        return response


def bounded(field: str, batch: Sized) -> None:
    """Raises INVALID_ARGUMENT for an empty or oversize batch: the contract's only rule on it.

    Said by hand: the contract's own check walks through every entry for it, at a good part of what recording costs.
    """
    if not 1 <= len(batch) <= _MOST:
        raise invalid([Violation(field, f"must have 1 to {_MOST:,}")])


def _settlement_or_none(message: records_pb2.Settlement) -> Settlement | None:
    """None also for one that says no outcome: the others of its call, and the claims, count all the same."""
    try:
        return wire.settlement(message)
    except PulseError:
        return None
