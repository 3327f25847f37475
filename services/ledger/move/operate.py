"""What people do to one delivery: take it back, say that it came, or send a dead letter on its way again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from services.ledger.move.batch_state import BatchState
from services.ledger.move.transaction import Finish, Found, Read, Transactions, close_digests
from services.ledger.postgres.postgres import Connection
from services.ledger.rules import operator_actions
from services.ledger.rules.delivery import Change, Delivery, Ref
from services.ledger.stores import newest_templates
from services.ledger.stores.newest_templates import Versions
from shared.errors import PulseError

#: What a rule makes of the delivery. Raises FAILED_PRECONDITION.
Rule = Callable[[Delivery, Found, dt.datetime], Change | None]
#: Whether the delivery is there; or why it was refused.
ActionResult = bool | PulseError

#: Those whose templates have newer versions.
_VERSIONS = Read(newest_templates.VERSIONS, newest_templates.found)


class OperatorActions:
    """Every method is False if there is no such delivery, and raises FAILED_PRECONDITION where it cannot be done."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def acknowledge(self, ref: Ref, actor: str) -> bool:
        """Says that the recipient has it."""
        return await self._act(ref, lambda delivery, _, now: operator_actions.acknowledge(delivery, actor, now))

    async def cancel(self, ref: Ref, actor: str) -> bool:
        """Takes a delivery back."""
        return await self._act(ref, lambda delivery, _, now: operator_actions.cancel(delivery, actor, now))

    async def replay(self, ref: Ref, actor: str, *, newest: bool = False) -> bool:
        """Makes a dead letter due; ``newest``: with the newest version of its template, if that is in use."""
        versions: dict[Ref, Versions] = {}

        def rule(delivery: Delivery, found: Found, now: dt.datetime) -> Change:
            versions.clear()  # what a transaction found that is done again does not count
            versions.update(found[_VERSIONS])
            return operator_actions.replay(delivery, actor, now, decisions=[one.decision for one in versions.values()])

        async def finish(
            connection: Connection, answer: ActionResult, changes: Sequence[Change], now: dt.datetime
        ) -> ActionResult:
            if changes:
                await newest_templates.take(connection, versions)
            return await close_digests(connection, answer, changes, now)

        return await self._act(ref, rule, [_VERSIONS] if newest else [], finish)

    async def _act(
        self, ref: Ref, rule: Rule, reads: Sequence[Read[object]] = (), finish: Finish[ActionResult] = close_digests
    ) -> bool:
        def rules(held: BatchState, found: Found, now: dt.datetime) -> ActionResult:
            if held.left_alone:
                return operator_actions.not_understood()
            delivery = next(iter(held), None)
            if delivery is None:
                return False
            try:
                held.take(rule(delivery, found, now))
            except PulseError as refusal:
                return refusal  # raised once the transaction is over, which is no failure
            return True

        answer = await self._transactions.run([ref], rules, reads, finish, ask_for_tellers=True)
        if isinstance(answer, PulseError):
            raise answer
        return answer
