"""The router's gRPC service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pulse.router.v1.router_service_pb2 import (
    AwaitUrgentRequest,
    AwaitUrgentResponse,
    Submission,
    SubmitRequest,
    SubmitResponse,
)
from pulse.router.v1.router_service_pb2_grpc import RouterServiceServicer
from services.router.admission.admission import Admission
from services.router.dispatch.urgent_stream import UrgentStreams
from shared.errors import Violation, invalid
from shared.rpc.former import Former

#: The contract's bound on one batch.
_MOST = 1_000

_FORMER = Former(Submission)


class RouterService(RouterServiceServicer):
    """Takes batches of submissions, and workers that wait for what is urgent among them."""

    def __init__(self, admission: Admission, urgent: UrgentStreams) -> None:
        self._admission = admission
        self._urgent = urgent

    async def Submit(self, request: SubmitRequest, context: Any) -> SubmitResponse:
        """See the contract."""
        count = len(request.submissions)
        if not 1 <= count <= _MOST:
            raise invalid([Violation("submissions", f"must be 1 to {_MOST}, not {count}")])
        for submission in request.submissions:
            if not submission.HasField("asked"):
                submission.asked.CopyFrom(_FORMER.asked(submission))
        return SubmitResponse(results=await self._admission.submit(request.submissions), reads_asked=True)

    async def AwaitUrgent(
        self, requests: AsyncIterator[AwaitUrgentRequest], context: Any
    ) -> AsyncIterator[AwaitUrgentResponse]:
        """See the contract."""
        async for claimed in self._urgent.serve(requests):
            yield claimed
