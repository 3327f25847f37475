"""What its recipient wants of a delivery that could be attempted now: asked in the transaction of every claim."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from services.ledger.rules import deferrals, fallbacks, recipients
from services.ledger.rules.changes import failed_with, happen
from services.ledger.rules.delivery import NO_DEVICE, Change, Delivery, Event, Kind, Ref
from services.ledger.rules.recipient_rules import Decision, Deferred, Sending, Suppressed, decision, rule
from services.ledger.rules.recipients import UNKNOWN, Profile
from services.ledger.rules.states import Status


class Recipient(NamedTuple):
    """Who a notification is for. The order, after the reference, is that of the statement."""

    category: str
    #: Where its first channel goes.
    recipient: str
    profile: Profile = UNKNOWN
    #: Id and token of the device registered last; empty: there is none.
    device_token_id: str = ""
    device_token: str = ""

    def address(self, delivery: Delivery) -> str:
        """Where it goes by the channel that it is on now; empty for a push without a device."""
        named = fallbacks.recipient(delivery, self.recipient)
        return named if named or delivery.channel.facts.needs_address else self.device_token


class RecipientGate:
    """One claim's recipients, of whom ``find`` knows; asked for each as it comes to it."""

    def __init__(self, find: Callable[[Ref], Recipient | None], critical: frozenset[str], now: dt.datetime) -> None:
        self._find = find
        self._critical = critical
        self._now = now

    def __call__(self, change: Change) -> Change | None:
        """SUPPRESSED, put off, failed for want of a device, or on its next channel; None: it may be sent."""
        delivery = change.delivery
        recipient = self._find(delivery.ref)
        if recipient is None:
            return None
        address = recipient.address(delivery)
        if recipient.profile is not UNKNOWN:
            critical = recipient.category in self._critical
            sending = Sending(recipient.category, delivery.channel, address, delivery.lane, critical)
            verdict = rule(recipient.profile, sending, self._now)
            if isinstance(verdict, Suppressed):
                return self._suppress(change, verdict.decision)
            if isinstance(verdict, Deferred):
                return self._put_off(change, verdict)
        if not address and not delivery.channel.facts.needs_address:
            return self._fail(change)
        return None

    def address(self, delivery: Delivery) -> str:
        """Where it goes by the channel that it is on now."""
        recipient = self._find(delivery.ref)
        return "" if recipient is None else recipient.address(delivery)

    def device(self, delivery: Delivery) -> str | None:
        """The registered device that it goes to, the one registered last; None: it goes by an address."""
        recipient = self._find(delivery.ref)
        return recipient.device_token_id if recipient is not None and _by_device(delivery, recipient) else None

    def _suppress(self, change: Change, why: Decision) -> Change:
        if fallbacks.pending(change.delivery) is not None:
            return fallbacks.pass_over(change, (why,), self._now)
        return happen(change, Event(Kind.SUPPRESSED, Status.SUPPRESSED, decisions=(why,)), self._now)

    def _put_off(self, change: Change, verdict: Deferred) -> Change:
        """Not beyond its time to live: there it is looked at again, and ends."""
        expires_at = change.delivery.expires_at
        until = verdict.until if expires_at is None else min(verdict.until, expires_at)
        return deferrals.put_off(change, until, (verdict.decision,), self._now)

    def _fail(self, change: Change) -> Change:
        why = decision("device", "FAILED", NO_DEVICE.message)
        event = Event(Kind.SUPPRESSED, Status.FAILED, failure=NO_DEVICE, decisions=(why,))
        failed = happen(change, event, self._now, **failed_with(NO_DEVICE))
        return fallbacks.after_failure(failed, self._now)


def recipient(
    category: str,
    address: str,
    preferences: dict[str, Any] | None,
    suppressions: Sequence[Sequence[str]] | None,
    device_token_id: str | None,
    device_token: str | None,
) -> Recipient:
    """From a row."""
    known = recipients.profile(preferences, suppressions)
    return Recipient(category, address, known, device_token_id or "", device_token or "")


def _by_device(delivery: Delivery, recipient: Recipient) -> bool:
    """True for a push that names no token of its own: it goes to a device that its user registered."""
    return not delivery.channel.facts.needs_address and not fallbacks.recipient(delivery, recipient.recipient)
