"""Deliveries held in one transaction, and what has been changed of them so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from services.ledger.postgres import rows
from services.ledger.rules.changes import begin
from services.ledger.rules.delivery import Change, Delivery, Ref
from shared.observe.logs import logger

log = logger(__name__)


class BatchState:
    """Rules may change one delivery several times in a batch: each sees what the one before left.

    ``left_alone`` are those that only another release knows how to decide. ``stored`` is what the rows say, which is
    less than ``deliveries`` of what an older release wrote.
    """

    def __init__(self, deliveries: Iterable[Delivery], stored: Mapping[Ref, Delivery]) -> None:
        self.stored = stored
        understood, self.left_alone = rows.parted(deliveries)
        self._before = {delivery.ref: delivery for delivery in understood}
        self._changes = {ref: begin(delivery) for ref, delivery in self._before.items()}

    def __iter__(self) -> Iterator[Delivery]:
        return iter([change.delivery for change in self._changes.values()])

    def among(self, refs: Iterable[Ref]) -> list[Delivery]:
        """Those of ``refs`` that are held, in the order in which they are."""
        wanted = frozenset(refs)
        return [delivery for delivery in self if delivery.ref in wanted]

    def get(self, ref: Ref) -> Delivery | None:
        """As it stands now; None: there is no such delivery, or it is left alone."""
        change = self._changes.get(ref)
        return None if change is None else change.delivery

    def __getitem__(self, ref: Ref) -> Delivery:
        """As it stands now, of one that is held."""
        return self._changes[ref].delivery

    def take(self, change: Change | None) -> bool:
        """Adds a change that a rule made of what :meth:`get` gave; False if it made none."""
        if change is None:
            return False
        ref = change.delivery.ref
        before = self._changes[ref].events
        self._changes[ref] = Change(change.delivery, (*before, *change.events)) if before else change
        return True

    def changes(self) -> list[Change]:
        """All that is to be written; a change without an event is one that nobody has to know of."""
        return [change for ref, change in self._changes.items() if change.delivery is not self._before[ref]]


def decided(
    delivery: Delivery,
    rule: Callable[[Delivery], Change | None],
    otherwise: Callable[[Delivery], Change | None] = lambda _: None,
) -> Change | None:
    """The change that ``rule`` makes of a delivery.

    A rule that fails at one must not take its batch with it: what becomes of that one ``otherwise`` says.
    """
    try:
        return rule(delivery)
    except Exception as error:
        if delivery.deferred_at is None:  # else this was said when it was put off
            log.error("a notification cannot be decided", notification_id=delivery.notification_id, exc_info=error)
        return otherwise(delivery)
