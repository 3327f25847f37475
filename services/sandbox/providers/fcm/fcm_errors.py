"""FCM's errors: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode, in Google's error JSON."""

from __future__ import annotations

from typing import NamedTuple

from starlette.responses import JSONResponse

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


class FcmError(NamedTuple):
    """HTTP status, canonical status and text of one FCM error code."""

    code: int
    status: str
    text: str


ERRORS = {
    "INVALID_ARGUMENT": FcmError(400, "INVALID_ARGUMENT", "The request is not valid."),
    "THIRD_PARTY_AUTH_ERROR": FcmError(401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service"),
    "SENDER_ID_MISMATCH": FcmError(403, "PERMISSION_DENIED", "SenderId mismatch"),
    "UNREGISTERED": FcmError(404, "NOT_FOUND", "Requested entity was not found."),
    "QUOTA_EXCEEDED": FcmError(429, "RESOURCE_EXHAUSTED", "Quota exceeded for the sending of messages."),
    "INTERNAL": FcmError(500, "INTERNAL", "Internal error encountered."),
    "UNAVAILABLE": FcmError(503, "UNAVAILABLE", "The service is currently unavailable."),
}

#: Which error a plain HTTP status stands for.
BY_STATUS = {error.code: name for name, error in ERRORS.items()}


def refusal(name_or_status: int | str, retry_after_s: int | None = None) -> JSONResponse:
    """Google's error JSON for one of FCM's error codes or for an HTTP status."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    name = name_or_status if isinstance(name_or_status, str) else BY_STATUS.get(name_or_status)
    if name is None:
        return _answer(int(name_or_status), "UNKNOWN", "The request failed.", [], headers)
    return _answer(*ERRORS[name], [{"@type": FCM_ERROR, "errorCode": name}], headers)


def invalid(field: str, text: str) -> JSONResponse:
    """INVALID_ARGUMENT that names a field of the request."""
    violation: dict[str, object] = {"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": text}]}
    return _answer(400, "INVALID_ARGUMENT", text, [{"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"}, violation])


def unauthenticated() -> JSONResponse:
    """What a missing or unknown access token meets."""
    return _answer(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", [])


def _answer(
    code: int, status: str, text: str, details: list[dict[str, object]], headers: dict[str, str] | None = None
) -> JSONResponse:
    error: dict[str, object] = {"code": code, "message": text, "status": status}
    if details:
        error["details"] = details
    return JSONResponse({"error": error}, status_code=code, headers=headers)
