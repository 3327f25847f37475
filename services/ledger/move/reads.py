"""Reads that several actions need."""

from __future__ import annotations

from services.ledger.move import sql
from services.ledger.move.transaction import Read
from services.ledger.rules import retry_times

#: Until when providers asked not to be called again for these.
RESTS = Read(sql.RESTS, retry_times.rests)
