"""What AWS's errors mean for a notification. Pure.

Codes from the API references of SES v2 (SendEmail) and SNS (Publish), and
https://docs.aws.amazon.com/general/latest/gr/api-errors.html. Texts of errors stay out of every outcome: they quote
addresses.
"""

from __future__ import annotations

from services.delivery.rules.provider import Outcome, Rejection, misconfigured, permanent, transient, unanswered

#: About the account, its keys or its settings: whatever is sent meets them, until an operator has acted.
CONFIGURATION = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AccountSuspendedException",
        "AuthorizationError",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidSignatureException",
        "LimitExceededException",
        "MailFromDomainNotVerifiedException",
        "MissingAuthenticationToken",
        "NotFoundException",  # a configuration set that does not exist
        "OptInRequired",
        "SendingPausedException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
#: Too fast: certain refusals that pass.
THROTTLING = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
REJECTIONS = {"OptedOut": Rejection.OPTED_OUT, "OptedOutException": Rejection.OPTED_OUT}
#: How SES begins the text of a refusal, under the code of refused content, where the sender is not verified.
_NOT_VERIFIED = "Email address is not verified"


def classify(name: str, status: int, code: str, text: str, retry_after: float | None) -> Outcome:
    """The outcome of an HTTP status outside 200 to 299, with AWS's own code.

    A 5xx leaves open whether the notification was taken over, unless Retry-After says that it was put off.
    """
    shown = code if code.isalnum() and not code.isdigit() else str(status)
    said = f"{name} refused the notification (HTTP {status}, {shown})"
    if code in THROTTLING or status in (408, 429):
        return transient(shown, said, retry_after)
    if status >= 500:
        if retry_after is not None:
            return transient(shown, said, retry_after)
        return unanswered(shown, f"{name} failed (HTTP {status}): it may have taken the notification over")
    if is_configuration(status, code, text):
        return misconfigured(shown, said)
    return permanent(shown, said, REJECTIONS.get(code))


def is_configuration(status: int, code: str, text: str) -> bool:
    """True if an operator has to act: nothing can be sent."""
    if status >= 500 or code in THROTTLING:
        return False
    return code in CONFIGURATION or status in (401, 403) or status < 400 or text.startswith(_NOT_VERIFIED)
