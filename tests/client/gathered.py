"""What the tests of both clients' gathering have in common."""

from __future__ import annotations

from collections import deque
from typing import Any

from pulse_client import PulseError, Request, Sent
from shared.errors import Code
from shared.errors import PulseError as Refusal
from tests.client.fake_gateway import AWAY, LIMITED, Notifications

SEND, BATCH = "SendNotification", "BatchSendNotifications"
BUSY = Refusal(Code.UNAVAILABLE, "LEDGER_UNAVAILABLE", "the ledger does not answer")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def to(name: str, **fields: Any) -> Request:
    """A request to an address of that name."""
    return Request(**{"user_id": name, "template": "welcome", "to": f"{name}@example.org", **fields})  # type: ignore[typeddict-item]


#: One of every kind of outcome.
ALL_KINDS = [
    to("ann", idempotency_key="k"),
    to("bob", to="nowhere"),
    to("cid", template="nothing"),
    to("dan"),
    to("ann", idempotency_key="k"),
    to("eve", priority="HIGH", validate_only=True),
]


def limit_dan(notifications: Notifications) -> None:
    notifications.refusals["dan@example.org"] = deque([LIMITED])


def told(outcome: Sent | PulseError) -> Any:
    """All that an outcome says, but the id that is made for it."""
    if isinstance(outcome, Sent):
        return outcome.status, outcome.replayed
    error = outcome
    return error.code, error.reason, error.message, error.hint, error.violations, error.retry_after


def away(times: int) -> deque[Refusal]:
    return deque([AWAY, BUSY] * times)


def sizes(notifications: Notifications) -> list[int]:
    """Of the batches."""
    return [len(batch.requests) for batch in notifications.batches]


def keys(notifications: Notifications, name: str) -> list[str]:
    """Under which the requests to that name came, in order."""
    return [one.idempotency_key for one in notifications.requests if one.user_id == name]
