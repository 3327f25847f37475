"""What FCM's errors mean for a notification. Pure; https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode."""

from __future__ import annotations

from services.delivery.providers.base import Outcome, Rejection, misconfigured, permanent, transient, unanswered

#: About the device token or the payload: another try will meet them again.
PERMANENT = frozenset({"UNREGISTERED", "SENDER_ID_MISMATCH", "INVALID_ARGUMENT", "NOT_FOUND"})
#: About the project or its key: whatever is sent meets them, until an operator has acted; they bury nothing.
CONFIGURATION = frozenset({"THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED", "PERMISSION_DENIED"})


def classify(status: int, code: str, retry_after: float | None) -> Outcome:
    """The outcome of an HTTP status outside 200 to 299, with FCM's error code or Google's canonical one.

    A 5xx leaves open whether the push went out (google.rpc.Code says of UNAVAILABLE that it is not always safe to
    retry), unless Retry-After says that it was put off.
    """
    said = f"FCM refused the push (HTTP {status}, {code})"
    if status >= 500:
        if retry_after is not None:
            return transient(code, said, retry_after)
        return unanswered(code, f"FCM failed (HTTP {status}): it may have taken the push over")
    if status in (408, 429):
        return transient(code, said, retry_after)
    if is_configuration(status, code):
        return misconfigured(code, said)
    return permanent(code, said, Rejection.GONE if code == "UNREGISTERED" else None)


def is_configuration(status: int, code: str) -> bool:
    """True if an operator has to act: nothing can be sent."""
    return code not in PERMANENT and (code in CONFIGURATION or status in (401, 403) or status < 400)
