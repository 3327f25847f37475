"""LedgerService: converts, calls, converts back."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pulse.ledger.v1 import ledger_service_pb2 as pb
from pulse.ledger.v1 import records_pb2
from services.ledger.accept import keys
from services.ledger.accept.recorder import Recorder
from services.ledger.config import LedgerSettings
from services.ledger.draw.draws import Draws
from services.ledger.draw.high_traffic import HighTraffic
from services.ledger.move.claim import Claimant, Claimer
from services.ledger.move.first_claim import FirstClaim
from services.ledger.move.operate import OperatorActions
from services.ledger.move.receive import Receiver
from services.ledger.move.rounds import Rounds
from services.ledger.move.settle import Settler
from services.ledger.move.settled import NOTHING
from services.ledger.read.reader import Reader
from services.ledger.rpc import wire, wire_providers, wire_reads
from services.ledger.rpc.observers import Observers, tell
from services.ledger.rpc.price_rpcs import PriceWrites
from services.ledger.rpc.wire_enums import FROM_PRIORITY
from services.ledger.rpc.worker_rpcs import WorkerRpcs, bounded
from services.ledger.rules.delivery import Ref
from services.ledger.stores.price_store import PriceStore
from services.ledger.stores.provider_store import ProviderStore
from shared.errors import PulseError, Violation, invalid, not_found
from shared.rpc.validation import check

#: Makes what claims some references of a batch in the transaction that records them.
FirstClaims = Callable[[Claimant, Collection[Ref]], FirstClaim]


class LedgerService(PriceWrites, WorkerRpcs):
    """For those who move notifications."""

    def __init__(
        self,
        settings: LedgerSettings,
        *,
        recorder: Recorder,
        draws: Draws,
        claimer: Claimer,
        settler: Settler,
        rounds: Rounds,
        receiver: Receiver,
        first_claims: FirstClaims,
        operator: OperatorActions,
        reader: Reader,
        providers: ProviderStore,
        prices: PriceStore,
        observers: Observers,
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._draws = draws
        self._claimer = claimer
        self._settler = settler
        self._rounds = rounds
        self._receiver = receiver
        self._first_claims = first_claims
        self._operator = operator
        self._reader = reader
        self._providers = providers
        self._prices = prices
        self._observers = observers
        self._high = HighTraffic()

    async def Record(self, request: pb.RecordRequest, context: Any) -> pb.RecordResponse:
        began = time.time_ns()
        bounded("entries", request.entries)
        converted = list(wire.entries(request.entries))
        first = self._first_claim(request)
        taken = [one for one in converted if not isinstance(one, PulseError)]
        answers = iter(await self._recorder.record(taken, first))
        response = pb.RecordResponse(reads_asked=True)
        for one in converted:
            wire.add_result(response.results, one if isinstance(one, PulseError) else next(answers))
        if first is not None and first.claimed:
            self._tell_claimed(request, response.results, first)
        tell(self._observers.recorded, request, response, began)
        return response

    def _first_claim(self, request: pb.RecordRequest) -> FirstClaim | None:
        """What a worker that waits would have claimed for it; None: there is no such, or nothing for it."""
        wanted = [entry.ref for entry in request.entries if entry.claim_at_once] if request.HasField("claimant") else ()
        if not wanted:
            return None
        said = request.claimant
        claimant = Claimant(wire.clean(said.worker_id), self._lease(said.lease), several=said.reads_devices)
        return self._first_claims(claimant, wire.refs(wanted))

    def _tell_claimed(
        self, request: pb.RecordRequest, results: Sequence[records_pb2.RecordResult], first: FirstClaim
    ) -> None:
        """Puts what was claimed into the results, each once, however often its entry came."""
        self._high.seen()
        for entry, result in zip(request.entries, results, strict=True):
            if found := first.claimed.pop((entry.ref.tenant_id, result.notification_id), None):
                message = wire.claimed(*found, self._settings.critical_categories, reads_asked=True)
                result.claimed.CopyFrom(message)

    async def LookupKeys(self, request: pb.LookupKeysRequest, context: Any) -> pb.LookupKeysResponse:
        bounded("uses", request.uses)
        wanted = [(use.tenant_id, use.idempotency_key) for use in request.uses]
        known = await self._recorder.uses(key for key in wanted if "\0" not in "".join(key))
        response = pb.LookupKeysResponse()
        for key, use in zip(wanted, request.uses, strict=True):
            found = keys.result_for(known[key], use.fingerprint, "") if key in known else None
            wire.add_result(response.results, found)
        return response

    async def Draw(self, request: pb.DrawRequest, context: Any) -> pb.DrawResponse:
        check(request)
        again = wire.length(request.redispatch_after, self._settings.ledger_redispatch_seconds)
        allowances = {one.provider: max(one.count, 0) for one in request.allowances}
        drawn = await self._draws.draw(FROM_PRIORITY[request.lane], request.limit, again, allowances)
        used = [records_pb2.ProviderAllowance(provider=name, count=count) for name, count in drawn.used.items()]
        return pb.DrawResponse(refs=[wire.to_ref(ref) for ref in drawn.refs], more=drawn.more, used=used)

    async def RecordReceipts(self, request: pb.RecordReceiptsRequest, context: Any) -> pb.RecordReceiptsResponse:
        began = time.time_ns()
        bounded("receipts", request.receipts)
        converted = [wire.receipt(message) for message in request.receipts]
        settled = iter(await self._receiver.receive([one for one in converted if one is not None]))
        results = [wire.settle_result(NOTHING if one is None else next(settled)) for one in converted]
        response = pb.RecordReceiptsResponse(results=results)
        tell(self._observers.reported, request, response, began)
        return response

    async def Acknowledge(self, request: pb.AcknowledgeRequest, context: Any) -> pb.AcknowledgeResponse:
        ref = named(request.ref)
        found = await self._operator.acknowledge(ref, wire.clean(request.actor))
        notification = await self._reader.get(ref) if found else None
        if notification is None:
            raise not_found("NOTIFICATION", ref[1])
        return pb.AcknowledgeResponse(notification=wire_reads.notification(notification))

    async def Cancel(self, request: pb.CancelRequest, context: Any) -> pb.CancelResponse:
        ref = named(request.ref)
        found = await self._operator.cancel(ref, wire.clean(request.actor))
        notification = await self._reader.get(ref) if found else None
        if notification is None:
            raise not_found("NOTIFICATION", ref[1])
        return pb.CancelResponse(notification=wire_reads.notification(notification))

    async def ExchangeProviderStates(
        self, request: pb.ExchangeProviderStatesRequest, context: Any
    ) -> pb.ExchangeProviderStatesResponse:
        if not request.worker_id:
            raise invalid([Violation("worker_id", "is required")])
        told = wire_providers.told(request.states)
        states = await self._providers.exchange(wire.clean(request.worker_id), told)
        return pb.ExchangeProviderStatesResponse(states=[wire_providers.state(one) for one in states])


def named(message: records_pb2.NotificationRef) -> Ref:
    """Raises NOT_FOUND for what can name no notification."""
    ref = wire.ref(message)
    if ref is None:
        raise not_found("NOTIFICATION", message.notification_id)
    return ref
