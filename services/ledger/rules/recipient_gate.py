"""What its recipient wants of a delivery that could be attempted now: asked in the transaction of every claim."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.ledger.rules import deferrals, fallbacks
from services.ledger.rules.changes import failed_with, happen
from services.ledger.rules.delivery import NO_DEVICE, Change, Delivery, Event, Kind, Ref
from services.ledger.rules.devices import LiveDevice
from services.ledger.rules.recipient_rules import Decision, Deferred, Sending, Suppressed, Verdict, decision, rule
from services.ledger.rules.recipients import UNKNOWN, Profile
from services.ledger.rules.states import Status
from shared.channel.device_kinds import DeviceKind
from shared.channel.table import Address


class Recipient(NamedTuple):
    """Who a notification is for."""

    category: str
    #: Where its first channel goes.
    recipient: str
    profile: Profile = UNKNOWN
    #: The user's devices that it may go to, the one registered last first.
    devices: Sequence[LiveDevice] = ()

    def addresses(self, delivery: Delivery) -> Sequence[str]:
        """Where it may go by the channel that it is on now; empty for a push without a device."""
        named = fallbacks.recipient(delivery, self.recipient)
        return (named,) if named or delivery.channel.facts.needs_address else [one.token for one in self.devices]

    def by_device(self, delivery: Delivery) -> bool:
        """True for a push that names no token of its own: it goes to devices that its user registered."""
        return not delivery.channel.facts.needs_address and not fallbacks.recipient(delivery, self.recipient)


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
        addresses = recipient.addresses(delivery)
        if recipient.profile is not UNKNOWN:
            verdicts = [self._verdict(recipient, delivery, address) for address in addresses or ("",)]
            verdict = next((one for one in verdicts if not isinstance(one, Suppressed)), verdicts[0])
            if isinstance(verdict, Suppressed):
                return self._suppress(change, verdict.decision)
            if isinstance(verdict, Deferred):
                return self._put_off(change, verdict)
        if not addresses:
            return self._fail(change)
        return None

    def address(self, delivery: Delivery) -> str:
        """Where it goes by the channel that it is on now, the first where it goes to several devices."""
        recipient = self._find(delivery.ref)
        if recipient is None:
            return ""
        devices = self.devices(delivery)
        return recipient.addresses(delivery)[0] if devices is None else devices[0].token

    def devices(self, delivery: Delivery) -> Sequence[LiveDevice] | None:
        """The registered devices that it goes to, the one registered last first; None: it goes by an address."""
        recipient = self._find(delivery.ref)
        if recipient is None or not recipient.by_device(delivery):
            return None
        if recipient.profile is UNKNOWN:
            return recipient.devices
        return [one for one in recipient.devices if self._wants(recipient, delivery, one.token)]

    def kinds(self, delivery: Delivery) -> frozenset[DeviceKind]:
        """What the devices are that it goes to; empty where it goes to none."""
        if delivery.channel.facts.address is not Address.DEVICE:
            return frozenset()
        devices = self.devices(delivery)
        if devices is None:
            return frozenset({DeviceKind.looks_like(self.address(delivery))})
        return frozenset(one.kind for one in devices)

    def _wants(self, recipient: Recipient, delivery: Delivery, address: str) -> bool:
        return not isinstance(self._verdict(recipient, delivery, address), Suppressed)

    def _verdict(self, recipient: Recipient, delivery: Delivery, address: str) -> Verdict:
        critical = recipient.category in self._critical
        sending = Sending(recipient.category, delivery.channel, address, delivery.lane, critical)
        return rule(recipient.profile, sending, self._now)

    def _suppress(self, change: Change, why: Decision) -> Change:
        if fallbacks.pending(change.delivery) is not None and change.delivery.secured is None:
            return fallbacks.pass_over(change, (why,), self._now)
        return happen(change, Event(Kind.SUPPRESSED, Status.SUPPRESSED, decisions=(why,)), self._now)

    def _put_off(self, change: Change, verdict: Deferred) -> Change:
        """Not beyond its time to live: there it is looked at again, and ends."""
        expires_at = change.delivery.expires_at
        until = verdict.until if expires_at is None else min(verdict.until, expires_at)
        return deferrals.put_off(change, until, (verdict.decision,), self._now)

    def _fail(self, change: Change) -> Change:
        secured = change.delivery.secured
        if secured is not None:
            why = decision("devices", secured, "no other device is left that it could go to")
            return happen(change, Event(Kind.SUPPRESSED, secured, decisions=(why,)), self._now)
        why = decision("device", "FAILED", NO_DEVICE.message)
        event = Event(Kind.SUPPRESSED, Status.FAILED, failure=NO_DEVICE, decisions=(why,))
        failed = happen(change, event, self._now, **failed_with(NO_DEVICE))
        return fallbacks.after_failure(failed, self._now)
