"""First claims: what a waiting worker may send is claimed in the transaction that records it."""

from __future__ import annotations

from collections.abc import Collection

from services.ledger.move.claim import READS, Claimant, Claimer
from services.ledger.move.content import Content
from services.ledger.move.transaction import Holding, Transactions
from services.ledger.postgres.postgres import Connection
from services.ledger.rules.delivery import Change, Delivery, Ref


class FirstClaim:
    """For one worker, of one batch that is recorded: ``wanted`` is what of it the worker would send."""

    def __init__(
        self, transactions: Transactions, claimer: Claimer, claimant: Claimant, wanted: Collection[Ref]
    ) -> None:
        self._transactions = transactions
        self._claimer = claimer
        self._claimant = claimant
        self._wanted = frozenset(wanted)
        self._found: list[tuple[Delivery, Content]] = []
        self._changes: list[Change] = []
        #: What was claimed and committed.
        self.claimed: dict[Ref, tuple[Delivery, Content]] = {}

    def restart(self) -> None:
        """A transaction begins; what was claimed in one before is undone."""
        self._found, self._changes = [], []

    async def hold(self, connection: Connection, recording: Collection[Ref]) -> Holding | None:
        """Told before it is known which of ``recording`` are recorded; in a pipeline that waits for nothing."""
        wanted = self._wanted.intersection(recording)
        return await Holding.begin(connection, wanted, READS) if wanted else None

    async def claim(self, connection: Connection, holding: Holding) -> None:
        """Claims what was recorded of a holding."""
        claimed, changes = await self._claimer.claim_within(connection, holding, self._claimant)
        self._found += claimed
        self._changes += changes

    def committed(self) -> None:
        """The transaction was."""
        self.claimed |= {delivery.ref: (delivery, its) for delivery, its in self._found}
        self._transactions.wake(self._changes)
