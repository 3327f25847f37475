"""What a push service's HTTP status means for a notification. Pure; RFC 8030, sections 5 to 8; RFC 8292, section 4."""

from __future__ import annotations

from services.delivery.rules.provider import Outcome, Rejection, misconfigured, permanent, transient, unanswered


def classify(status: int, retry_after: float | None) -> Outcome:
    """The outcome of any status outside 200 to 299; a 5xx leaves open what became of the push, but for 503."""
    code = str(status)
    said = f"the push service refused the push (HTTP {status})"
    if status in (404, 410):
        return permanent(code, said, Rejection.GONE)
    if is_configuration(status):
        return misconfigured(code, said, "PULSE_WEBPUSH_PRIVATE_KEY, with which pages must have subscribed")
    if status == 403:  # of one browser: others, which subscribed since the key was changed, must not wait for it
        return permanent(code, f"{said}: the browser subscribed with another key", Rejection.REFUSED)
    if status in (408, 425, 429, 503) or (status >= 500 and retry_after is not None):
        return transient(code, said, retry_after)
    if status >= 500:
        return unanswered(code, f"the push service failed (HTTP {status}): it may have taken the push over")
    return permanent(code, said, Rejection.REFUSED if status < 400 else None)


def is_configuration(status: int) -> bool:
    """True if the push service does not take the key for one at all."""
    return status == 401
