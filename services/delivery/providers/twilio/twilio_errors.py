"""What Twilio's errors mean for a notification. Pure; codes from https://www.twilio.com/docs/api/errors."""

from __future__ import annotations

from services.delivery.rules.provider import Outcome, Rejection, misconfigured, permanent, transient, unanswered

#: About the account, the sender or the address called: whatever is sent meets them, until an operator has acted.
#: They must not bury what is waiting, so they count as passing.
CONFIGURATION = frozenset(
    {
        20003,  # authentication
        20005,  # account not active
        20008,  # test credentials
        20404,  # no such account
        21212,  # invalid From
        21603,  # From missing
        21606,  # From cannot send
        21609,  # StatusCallback is not valid
        21659,  # From is not a number of this account
        21660,  # From and account differ
        21661,  # From cannot send SMS
        21701,  # no such messaging service
        21703,  # the messaging service has no sender
        21705,  # the messaging service is invalid
        30002,  # account suspended
        63001,  # WhatsApp does not know the account
        63007,  # From is no sender of WhatsApp's
        63051,  # the WhatsApp business account is locked
    }
)

#: Too fast, or a queue is full: certain refusals that pass.
PASSING = frozenset({14107, 20429, 21611, 30001, 63018, 63038})

#: Codes that say something lasting about the number, in answers and in receipts: it replied STOP, or it does not exist.
#: A number that cannot be one (21211, 21614) is a caller's mistake, not a recipient's state.
#: 63003 and 63024: WhatsApp knows nobody there, which may change.
REJECTIONS = {
    21610: Rejection.OPTED_OUT,
    30005: Rejection.GONE,
    63003: Rejection.REFUSED,
    63024: Rejection.REFUSED,
}


def classify(status: int, code: int | None, retry_after: float | None) -> Outcome:
    """The outcome of an HTTP status outside 200 to 299, with Twilio's own code if the body had one.

    A 4xx is a certain refusal. A 5xx is none: it may come from a gateway in front of a server that took it
    over, unless Retry-After says that it was put off.
    """
    shown = str(code or status)
    said = f"Twilio refused the notification (HTTP {status}, error {shown})"
    if status >= 500:
        if retry_after is not None:
            return transient(shown, said, retry_after)
        return unanswered(shown, f"Twilio failed (HTTP {status}): it may have taken it over")
    if code in PASSING or status in (408, 429):
        return transient(shown, said, retry_after)
    if is_configuration(status, code):
        return misconfigured(shown, said)
    return permanent(shown, said, REJECTIONS.get(code) if code else None)


def is_configuration(status: int, code: int | None) -> bool:
    """True if an operator has to act: nothing can be sent."""
    return code in CONFIGURATION or status in (401, 403) or status < 400
