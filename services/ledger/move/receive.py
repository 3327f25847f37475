"""Receipts: what providers report of what they took over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from functools import partial

from services.ledger.move import sql
from services.ledger.move.address_rejections import SOURCES, Rejected, Source, rejected
from services.ledger.move.batch_state import BatchState, decided
from services.ledger.move.settled import NOTHING, BatchResult, Settled, remember
from services.ledger.move.transaction import Found, Read, Rows, Transactions
from services.ledger.rules import receipts
from services.ledger.rules.receipts import Identity, Receipt
from services.ledger.rules.states import Status


def _identities(rows: Rows) -> set[Identity]:
    return {((row[0], row[1]), row[2] or "", row[3] or "", Status.read(row[4])) for row in rows}


#: The receipts that there are already.
_KNOWN = Read(sql.RECEIPTS, _identities)


class Receiver:
    """Takes receipts in, each once."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def receive(self, batch: Sequence[Receipt]) -> list[Settled]:
        """What became of each receipt, in their order."""
        rejecting = [SOURCES] if any(receipt.rejection for receipt in batch) else []
        refs = [receipt.ref for receipt in batch]
        result = await self._transactions.run(refs, partial(_decide, batch), [_KNOWN, *rejecting], remember)
        return result.settled


def _decide(batch: Sequence[Receipt], held: BatchState, found: Found, now: dt.datetime) -> BatchResult:
    known, sources = found[_KNOWN], found[SOURCES]
    result = BatchResult([], [])
    for receipt in batch:
        settled, address = _receive(receipt, held, sources.get(receipt.ref), known, now)
        result.add(settled, *([address] if address else ()))
        known.add(receipt.identity)
    return result


def _receive(
    receipt: Receipt, held: BatchState, source: Source | None, known: Collection[Identity], now: dt.datetime
) -> tuple[Settled, Rejected | None]:
    delivery = held.get(receipt.ref)
    if delivery is None:
        return NOTHING, None
    rule = partial(receipts.decide, receipt=receipt, known=known, now=now)
    applied = held.take(decided(delivery, rule))
    said = receipt.rejection if applied else None
    address = rejected(delivery, source, said, receipt.provider) if said and source is not None else None
    return Settled(applied, held[receipt.ref].status), address
