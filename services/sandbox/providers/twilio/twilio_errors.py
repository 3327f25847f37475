"""Twilio's errors: the codes of https://www.twilio.com/docs/api/errors that sending can meet."""

from __future__ import annotations

from typing import NamedTuple

from starlette.responses import JSONResponse


class TwilioError(NamedTuple):
    """HTTP status and text of one code."""

    status: int
    text: str


ERRORS = {
    20003: TwilioError(401, "Authenticate"),
    20404: TwilioError(404, "The requested resource was not found"),
    20429: TwilioError(429, "Too Many Requests"),
    20500: TwilioError(500, "An internal server error has occurred"),
    20503: TwilioError(503, "Service unavailable"),
    21211: TwilioError(400, "The 'To' number is not a valid phone number"),
    21212: TwilioError(400, "The 'From' number is not a valid phone number"),
    21408: TwilioError(400, "Permission to send an SMS has not been enabled for the region of the 'To' number"),
    21602: TwilioError(400, "Message body is required"),
    21603: TwilioError(400, "A 'From' phone number or a 'MessagingServiceSid' is required"),
    21604: TwilioError(400, "A 'To' phone number is required"),
    21606: TwilioError(400, "The 'From' phone number is not a valid, message-capable number of this account"),
    21609: TwilioError(400, "The 'StatusCallback' URL is not valid"),
    21610: TwilioError(400, "Attempt to send to unsubscribed recipient"),
    21611: TwilioError(429, "The 'From' number has exceeded the maximum number of queued messages"),
    21612: TwilioError(400, "The 'To' phone number is not currently reachable using the 'From' phone number"),
    21614: TwilioError(400, "The 'To' number is not a valid mobile number"),
    21617: TwilioError(400, "The concatenated message body exceeds the 1600 character limit"),
    21655: TwilioError(400, "The ContentSid is invalid"),
    21656: TwilioError(400, "The ContentVariables parameter is invalid"),
    21701: TwilioError(400, "The Messaging Service does not exist"),
    21910: TwilioError(400, "Invalid From and To pair: both must be of the same channel"),
    63003: TwilioError(400, "Channel could not find To address"),
    63007: TwilioError(400, "Twilio could not find a Channel with the specified From address"),
    63016: TwilioError(400, "Failed to send freeform message outside the allowed window: use a template"),
    63018: TwilioError(429, "Rate limit exceeded for Channel"),
}

#: Codes for plain HTTP statuses.
GENERAL = {401: 20003, 404: 20404, 429: 20429, 500: 20500, 503: 20503}

#: https://www.twilio.com/docs/iam/test-credentials: numbers that fail in a known way.
FAILING_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
FAILING_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}


def refusal(code_or_status: int | str, retry_after_s: int | None = None) -> JSONResponse:
    """Twilio's error JSON for one of its codes or for an HTTP status."""
    number = int(code_or_status)
    if number in ERRORS:
        code, status, text = number, *ERRORS[number]
    else:
        code = GENERAL.get(number, 20001)
        status, text = number, ERRORS[code].text if code in ERRORS else "The request failed"
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse(
        {"code": code, "message": text, "more_info": more_info, "status": status}, status_code=status, headers=headers
    )
