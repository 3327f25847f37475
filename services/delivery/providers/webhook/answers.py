"""What a webhook receiver's HTTP status means for a notification. Pure."""

from __future__ import annotations

from services.delivery.rules.provider import Outcome, misconfigured, permanent, succeeded, transient, unanswered

#: About the address or the signature: whatever is sent meets them, until an operator has acted. 410 is how the
#: specification lets a receiver end all deliveries.
CONFIGURATION = frozenset({401, 403, 404, 405, 410, 415})


def classify(status: int, webhook_id: str, retry_after: float | None) -> Outcome:
    """The outcome of any status; a 5xx without Retry-After leaves open what the receiver did."""
    if 200 <= status <= 299:
        return succeeded(webhook_id)
    said = f"the webhook's receiver refused the notification (HTTP {status})"
    if status >= 500 and retry_after is None:
        return unanswered(str(status), f"the webhook's receiver failed (HTTP {status}): it may have taken it over")
    if status >= 500 or status in (408, 425, 429):
        return transient(str(status), said, retry_after)
    if is_configuration(status):
        return misconfigured(str(status), said)
    return permanent(str(status), said)


def is_configuration(status: int) -> bool:
    """True if an operator has to act: nothing can be sent."""
    return status in CONFIGURATION or 300 <= status <= 399 or status < 200
