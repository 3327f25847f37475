"""What APNs' answers mean for a notification. Pure.

https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

from __future__ import annotations

from services.delivery.rules.provider import (
    Cause,
    Outcome,
    Rejection,
    misconfigured,
    permanent,
    transient,
    unanswered,
)

#: The device's token is none, or no longer.
GONE = frozenset({"BadDeviceToken", "ExpiredToken", "MissingDeviceToken", "Unregistered"})
#: It is another app's: should the topic be the wrong one, all tokens would seem to be.
REFUSED = frozenset({"DeviceTokenNotForTopic"})
#: About the key, the topic or the address: whatever is sent meets them, until an operator has acted.
CONFIGURATION = frozenset({"BadTopic", "MissingTopic", "TopicDisallowed"})
#: The reason of a refusal because the token that the request was signed with is too old.
EXPIRED = "ExpiredProviderToken"


def classify(status: int, reason: str, retry_after: float | None) -> Outcome:
    """The outcome of an HTTP status other than 200, with Apple's reason, empty if it gave none.

    A 500 leaves open whether the push went out; by 503 and 429 Apple says that it did not.
    """
    code = reason or str(status)
    said = f"APNs refused the push (HTTP {status}, {code})"
    if is_configuration(status, reason):
        hint = "the clock, or PULSE_APNS_KEY_FILE" if reason == EXPIRED else ""
        return misconfigured(code, said, hint)
    if status == 410 or reason in GONE:
        return permanent(code, said, Rejection.GONE)
    if status == 429 and reason != "TooManyProviderTokenUpdates":
        return transient(code, said, retry_after, cause=Cause.RECIPIENT)  # too many for one device
    if status in (408, 429, 503) or reason == "IdleTimeout" or (status >= 500 and retry_after is not None):
        return transient(code, said, retry_after)
    if status >= 500:
        return unanswered(code, f"APNs failed (HTTP {status}): it may have taken the push over")
    return permanent(code, said, Rejection.REFUSED if reason in REFUSED else None)


def is_configuration(status: int, reason: str) -> bool:
    """True if an operator has to act: nothing can be sent."""
    return reason in CONFIGURATION or status in (401, 403, 404, 405) or status < 400
