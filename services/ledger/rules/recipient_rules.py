"""Whether and when a notification may be sent to its recipient.

Suppressions come first: those set by hand or told by providers hold for everybody; an unsubscription, like a
preference, not for critical categories (a one-time code, say). Quiet hours hold nothing back that is critical or HIGH.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from services.ledger.rules.delivery import Lane
from services.ledger.rules.quiet_hours import QuietHours, quiet_hours
from services.ledger.rules.recipients import Preferences, Profile, Reason, Suppression
from shared.channel.address_keys import address_key
from shared.channel.table import Channel

#: Each of rule, result, reason; without personal data.
Decision = Mapping[str, str]

_SAID = {
    Reason.UNSPECIFIED: "it was suppressed for a reason that only another release of Pulse knows",
    Reason.MANUAL: "it was suppressed by hand",
    Reason.BOUNCE: "the provider said that the address does not exist",
    Reason.COMPLAINT: "the recipient called an earlier one spam",
    Reason.UNSUBSCRIBE: "the recipient unsubscribed",
}


class Sending(NamedTuple):
    """What is about to be sent, and where."""

    category: str
    channel: Channel
    #: Normalised; empty where it is not known yet.
    address: str
    lane: Lane
    critical: bool


class Go(NamedTuple):
    """It may be sent."""


class Suppressed(NamedTuple):
    """It must not be sent."""

    decision: Decision


class Deferred(NamedTuple):
    """It may be sent, but not yet."""

    until: dt.datetime
    decision: Decision


Verdict = Go | Suppressed | Deferred


def rule(profile: Profile, sending: Sending, at: dt.datetime) -> Verdict:
    """What the recipient's profile says of sending it ``at`` that time."""
    for suppression in profile.suppressions:
        if _covers(suppression, sending):
            return Suppressed(decision("suppression", "SUPPRESSED", _SAID[suppression.reason]))
    if sending.critical:
        return Go()
    if not _wanted(profile.preferences, sending):
        what = f"{sending.category!r}" if sending.category else "this"
        return Suppressed(
            decision("preference", "SUPPRESSED", f"the recipient does not want {what} by {sending.channel}")
        )
    if sending.lane is Lane.HIGH:
        return Go()
    hours = _quiet_hours(profile.preferences)
    until = hours and hours.end(at)
    if until is None:
        return Go()
    return Deferred(
        until, decision("quiet_hours", "DEFERRED", f"the recipient's quiet hours last until {until:%Y-%m-%dT%H:%M:%SZ}")
    )


def decision(rule: str, result: str, reason: str) -> Decision:
    """One rule's say, as timelines hold it."""
    return {"rule": rule, "result": result, "reason": reason}


def _covers(suppression: Suppression, sending: Sending) -> bool:
    if suppression.reason is Reason.UNSUBSCRIBE and sending.critical:
        return False
    return (
        suppression.channel in (None, sending.channel)
        and suppression.category in ("", sending.category)
        and _names(suppression.address, sending)
    )


def _names(address: str, sending: Sending) -> bool:
    """Whether a suppression's address is every one, or the one that is sent to."""
    return not address or address_key(sending.channel, address) == address_key(sending.channel, sending.address)


def _wanted(preferences: Preferences, sending: Sending) -> bool:
    """The choice for its category, else that for categories that are not named; without either, yes."""
    choices = {one.category: one.enabled for one in preferences.choices if one.channel is sending.channel}
    return choices.get(sending.category, choices.get("", True))


def _quiet_hours(preferences: Preferences) -> QuietHours | None:
    try:
        return quiet_hours(preferences.quiet_from, preferences.quiet_until, preferences.time_zone)
    except ValueError:
        # It was known when it was stored: better quiet at another hour than nothing sent, or no quiet at all.
        return quiet_hours(preferences.quiet_from, preferences.quiet_until, "")
