"""Which events of the feed a row of a timeline comes to."""

from __future__ import annotations

from collections.abc import Sequence

from services.ledger.rules.delivery import Kind
from services.ledger.rules.states import TERMINAL, Status

ACCEPTED = "notification.accepted"
SUPPRESSION_CREATED = "suppression.created"
TEMPLATE_UPDATED = "template.updated"
SUBSCRIPTION_DISABLED = "subscription.disabled"

#: What is told of a notification beside its acceptance: that it has come to stand so.
OF_STATUS = {
    status: f"notification.{status.lower()}" for status in Status.known() if status in TERMINAL | {Status.SENT}
}
#: All types that there are.
TYPES = frozenset({ACCEPTED, SUPPRESSION_CREATED, TEMPLATE_UPDATED, SUBSCRIPTION_DISABLED, *OF_STATUS.values()})


def of_row(kind: Kind, status: Status, before: Status, *, moved_on: bool) -> Sequence[tuple[int, str]]:
    """The events of one row, each by its place within the row, 0 or 1, and its type.

    ``before``: where the notification stood before it. ``moved_on``: what failed here went on by the next channel in
    the same moment, so that it never stood there for others.
    """
    if kind is Kind.ACCEPTED:
        ended = OF_STATUS.get(status)
        return [(0, ACCEPTED), (1, ended)] if ended else [(0, ACCEPTED)]
    if status is before or moved_on or status not in OF_STATUS:
        return []
    return [(0, OF_STATUS[status])]


def statuses(types: frozenset[str]) -> list[str]:
    """The statuses whose rows may come to events of these types."""
    return [status.value for status, type_ in OF_STATUS.items() if type_ in types]
