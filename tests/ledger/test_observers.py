"""Observers of the ledger's batches."""

from __future__ import annotations

from pulse.ledger.v1 import ledger_service_pb2 as pb
from services.ledger.rpc.observers import tell


def test_an_observer_that_fails_keeps_neither_the_others_nor_the_answer() -> None:
    told: list[object] = []

    def fails(*_: object) -> None:
        raise ValueError("x")

    request, response = pb.ClaimRequest(worker_id="w"), pb.ClaimResponse()
    tell([fails, lambda *said: told.append(said)], request, response, 7)

    assert told == [(request, response, 7)]
