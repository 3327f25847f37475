"""How long Twilio may hold a message back: what is left of it when it is sent."""

from __future__ import annotations

import time

#: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message: ValidityPeriod, s.
SHORTEST, LONGEST = 1, 36_000


def validity(ends_at: float | None) -> dict[str, str]:
    """The SDK's argument, whole seconds until ``ends_at`` (monotonic): Twilio drops what it has not sent by then."""
    if ends_at is None:
        return {}
    left = int(ends_at - time.monotonic())
    return {"validity_period": str(min(max(left, SHORTEST), LONGEST))}
