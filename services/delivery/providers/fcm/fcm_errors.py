"""What FCM's errors mean for a notification. Pure; https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.delivery.rules.provider import Outcome, Rejection, misconfigured, permanent, transient, unanswered

#: About the device token or the payload: another try will meet them again.
PERMANENT = frozenset({"UNREGISTERED", "SENDER_ID_MISMATCH", "INVALID_ARGUMENT", "NOT_FOUND"})
#: About the project or its key: whatever is sent meets them, until an operator has acted; they bury nothing.
CONFIGURATION = frozenset({"THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED", "PERMISSION_DENIED"})


def classify(status: int, code: str, retry_after: float | None, answer: Any = None) -> Outcome:
    """The outcome of an HTTP status outside 200 to 299, with FCM's error code or Google's canonical one.

    ``answer`` is its JSON, which may say what is wrong. A 5xx leaves open whether the push went out (google.rpc.Code
    says of UNAVAILABLE that it is not always safe to retry), unless Retry-After says that it was put off.
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
    return permanent(code, said, _rejection(code, answer))


def is_configuration(status: int, code: str) -> bool:
    """True if an operator has to act: nothing can be sent."""
    return code not in PERMANENT and (code in CONFIGURATION or status in (401, 403) or status < 400)


def _rejection(code: str, answer: Any) -> Rejection | None:
    """What a refusal says of the device; None: nothing, as it is about the push itself.

    A token of another project stays: should the credentials be the wrong ones, all tokens would seem to be.
    """
    if code == "UNREGISTERED":
        return Rejection.GONE
    if code != "INVALID_ARGUMENT":
        return Rejection.REFUSED if code in PERMANENT else None
    error = answer.get("error") if isinstance(answer, dict) else None
    error = error if isinstance(error, dict) else {}
    fields = list(_fields(error))
    if "registration token" in str(error.get("message", "")).lower() or any(map(_is_token, fields)):
        return Rejection.GONE
    return None if fields else Rejection.REFUSED


def _fields(error: dict[str, Any]) -> Iterator[str]:
    """The fields that an error's ``google.rpc.BadRequest`` names."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        violations = detail.get("fieldViolations") if isinstance(detail, dict) else None
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and violation.get("field"):
                yield str(violation["field"])


def _is_token(field: str) -> bool:
    return field in ("message.token", "message.fid")
