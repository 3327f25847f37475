"""Repetitions of requests that were accepted when the rules, the clock or the template still allowed them.

A caller that repeats a request gets its first answer, however much time has passed. So a keyed request that
would be refused now is looked up before it is: this costs a call only where the answer would be an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pulse.ledger.v1 import ledger_service_pb2, records_pb2
from pulse.router.v1 import router_service_pb2 as router_pb2
from services.gateway.door.auth import Caller
from services.gateway.peers import ask
from services.gateway.sending.acceptance import Draft
from shared.errors import Code, PulseError
from shared.rpc.statuses import from_status

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_service_pb2_grpc import LedgerServiceAsyncStub

#: What time, a new template version or its deletion can bring about.
_PASSING = frozenset({Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION})


class Replays:
    """Finds first answers in the ledger."""

    def __init__(self, ledger: LedgerServiceAsyncStub) -> None:
        self._ledger = ledger

    async def reconsider(
        self, caller: Caller, refused: Sequence[tuple[Draft, PulseError]]
    ) -> list[router_pb2.SubmitResult | PulseError]:
        """For each refused draft, in order: its first answer, or why it is refused after all."""
        keyed = [n for n, (draft, error) in enumerate(refused) if _may_be_a_replay(draft, error)]
        outcomes: list[router_pb2.SubmitResult | PulseError] = [error for _, error in refused]
        if not keyed:
            return outcomes
        uses = [_use(caller, refused[n][0]) for n in keyed]
        response = await ask(self._ledger.LookupKeys, ledger_service_pb2.LookupKeysRequest(uses=uses))
        for n, found in zip(keyed, response.results, strict=True):
            if found.HasField("error"):
                outcomes[n] = from_status(found.error)
            elif found.notification_id:
                outcomes[n] = router_pb2.SubmitResult(
                    notification_id=found.notification_id, status=found.status, replayed=True
                )
        return outcomes


def _may_be_a_replay(draft: Draft, error: PulseError) -> bool:
    return bool(draft.idempotency_key) and not draft.request.validate_only and error.code in _PASSING


def _use(caller: Caller, draft: Draft) -> records_pb2.KeyUse:
    return records_pb2.KeyUse(
        tenant_id=caller.tenant_id, idempotency_key=draft.idempotency_key, fingerprint=draft.fingerprint
    )
