"""Repetitions of requests that were accepted when the rules, the clock or the template still allowed them.

A caller that repeats a request gets its first answer, however much time has passed. So a keyed request that
would be refused now is looked up before it is: this costs a call only where the answer would be an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pulse.ledger.v1 import ledger_service_pb2
from pulse.router.v1 import router_service_pb2 as router_pb2
from services.gateway.peers import ask
from services.gateway.sending.acceptance import Refused
from shared.errors import PulseError
from shared.rpc.statuses import from_status

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_service_pb2_grpc import LedgerServiceAsyncStub


class Replays:
    """Finds first answers in the ledger."""

    def __init__(self, ledger: LedgerServiceAsyncStub) -> None:
        self._ledger = ledger

    async def reconsider(self, refused: Sequence[Refused]) -> list[router_pb2.SubmitResult | PulseError]:
        """For each, in order: its first answer, or why it is refused after all."""
        if not refused:
            return []
        uses = [one.use for one in refused]
        response = await ask(self._ledger.LookupKeys, ledger_service_pb2.LookupKeysRequest(uses=uses))
        outcomes: list[router_pb2.SubmitResult | PulseError] = []
        for one, found in zip(refused, response.results, strict=True):
            if found.HasField("error"):
                outcomes.append(from_status(found.error))
            elif found.notification_id:
                known = router_pb2.SubmitResult(notification_id=found.notification_id, status=found.status)
                known.replayed = True
                outcomes.append(known)
            else:
                outcomes.append(one.error)
        return outcomes
