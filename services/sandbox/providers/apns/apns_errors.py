"""APNs' refusals: a status and a reason each.

https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

from __future__ import annotations

import time

from starlette.responses import JSONResponse

STATUSES = {
    "BadCollapseId": 400,
    "BadDeviceToken": 400,
    "BadExpirationDate": 400,
    "BadMessageId": 400,
    "BadPriority": 400,
    "BadTopic": 400,
    "DeviceTokenNotForTopic": 400,
    "IdleTimeout": 400,
    "InvalidPushType": 400,
    "MissingDeviceToken": 400,
    "MissingTopic": 400,
    "PayloadEmpty": 400,
    "TopicDisallowed": 400,
    "ExpiredProviderToken": 403,
    "Forbidden": 403,
    "InvalidProviderToken": 403,
    "MissingProviderToken": 403,
    "BadPath": 404,
    "MethodNotAllowed": 405,
    "ExpiredToken": 410,
    "Unregistered": 410,
    "PayloadTooLarge": 413,
    "TooManyProviderTokenUpdates": 429,
    "TooManyRequests": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "Shutdown": 503,
}
#: The reason that a bare status stands for.
_BY_STATUS = {
    400: "BadMessageId",
    403: "Forbidden",
    404: "BadPath",
    405: "MethodNotAllowed",
    410: "Unregistered",
    413: "PayloadTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


def refusal(reason_or_status: int | str, retry_after_s: int | None = None) -> JSONResponse:
    """Apple's JSON for one of its reasons, or for an HTTP status."""
    named = isinstance(reason_or_status, str)
    status = STATUSES[reason_or_status] if isinstance(reason_or_status, str) else reason_or_status
    reason = reason_or_status if named else _BY_STATUS.get(status, "")
    body: dict[str, object] = {"reason": reason}
    if status == 410:
        body["timestamp"] = int(time.time() * 1000)
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return JSONResponse(body, status_code=status, headers=headers)
