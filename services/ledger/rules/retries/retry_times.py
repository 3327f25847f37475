"""Until when providers asked not to be called again for a notification.

A provider that asked is left alone for that notification, however often its route is gone through meanwhile.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from services.ledger.rules.delivery import Delivery
from services.ledger.rules.recipient_rules import Decision, decision

#: A provider's name to that time; those that did not ask are left out.
Rests = Mapping[str, dt.datetime]


def remembered(delivery: Delivery, until: dt.datetime | None, now: dt.datetime) -> tuple[Rests, Sequence[Decision]]:
    """Those to be remembered of a delivery, its provider's among them if that asked; and the decision that tells so."""
    if until is None:
        return delivery.rests, ()
    others = {provider: end for provider, end in delivery.rests.items() if end > now}
    at = until.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    why = f"{delivery.provider} asked not to be called again before then"
    return {**others, delivery.provider: until}, (decision("retry_after", at, why),)
