"""What becomes of a batch of settlements or receipts, and what follows from it for addresses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from services.ledger.move import address_rejections
from services.ledger.move.address_rejections import Rejected
from services.ledger.postgres.postgres import Connection
from services.ledger.rules.delivery import Change
from services.ledger.rules.states import Status


class Settled(NamedTuple):
    """Whether a settlement or receipt changed anything, and where the delivery stands; None: there is none."""

    applied: bool
    status: Status | None


#: What became of one that names no delivery.
NOTHING = Settled(False, None)


class BatchResult(NamedTuple):
    """What became of each of what was told, in its order, and what providers said of addresses with it."""

    settled: list[Settled]
    rejected: list[Rejected]

    def add(self, settled: Settled, *rejected: Rejected) -> None:
        """Adds what became of the next one, and what was said of addresses with it."""
        self.settled.append(settled)
        self.rejected.extend(rejected)


async def remember(connection: Connection, result: BatchResult, _: Sequence[Change], now: dt.datetime) -> BatchResult:
    """Writes down what providers said of addresses, in the transaction of what was told."""
    if result.rejected:
        await address_rejections.remember(connection, result.rejected, now)
    return result
