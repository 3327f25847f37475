"""Expiry: what a draw finds to be too late is ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from functools import partial

from services.ledger.move.batch_state import BatchState, decided
from services.ledger.move.transaction import Found, Transactions, close_digests
from services.ledger.rules import claims, deferrals
from services.ledger.rules.delivery import Ref


async def expire(transactions: Transactions, refs: Collection[Ref]) -> None:
    """Ends those of ``refs`` whose time to live is over, or has their next channel take over."""
    await transactions.run(refs, _decide, finish=close_digests)


def _decide(held: BatchState, _: Found, now: dt.datetime) -> None:
    for delivery in held:
        rule, otherwise = partial(claims.decide_expiry, now=now), partial(deferrals.undecidable, now=now)
        held.take(decided(delivery, rule, otherwise))
