"""Observers: who is told of the ledger's batches once they are committed. Metrics and traces are observers.

They are functions, passed in by name where the service is put together. What one does wrong is logged: what was
committed is answered all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from pulse.ledger.v1 import ledger_service_pb2 as pb
from shared.observe.logs import logger

log = logger(__name__)

Request = TypeVar("Request")
Response = TypeVar("Response")

#: Is given a call's request and its answer, and when it began, ns since 1970.
Observer = Callable[[Request, Response, int], None]


class Observers(NamedTuple):
    """Who is told of which call."""

    recorded: Sequence[Observer[pb.RecordRequest, pb.RecordResponse]] = ()
    claimed: Sequence[Observer[pb.ClaimRequest, pb.ClaimResponse]] = ()
    settled: Sequence[Observer[pb.SettleRequest, pb.SettleResponse]] = ()
    reported: Sequence[Observer[pb.RecordReceiptsRequest, pb.RecordReceiptsResponse]] = ()


def tell(observers: Sequence[Observer[Request, Response]], request: Request, response: Response, began: int) -> None:
    """Tells each of them, whatever becomes of the others."""
    for observe in observers:
        try:
            observe(request, response, began)
        except Exception as error:
            log.error("an observer failed", observer=getattr(observe, "__qualname__", ""), exc_info=error)
