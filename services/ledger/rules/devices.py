"""An attempt that goes to several devices at once: what became of each, and what that makes of the notification."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.ledger.rules.delivery import NO_FAILURE, Delivery, Failure, Guarantee, Outcome
from services.ledger.rules.recipients import Rejection
from services.ledger.rules.retry import Cause
from services.ledger.rules.states import Status
from shared.channel.device_kinds import DeviceKind

#: After these the provider surely does not have it for the device, and never will, or surely has it.
_FINAL = frozenset({Outcome.SUCCEEDED, Outcome.PERMANENT_FAILURE})


class LiveDevice(NamedTuple):
    """A registered device that a push may go to."""

    device_token_id: str
    token: str
    kind: DeviceKind = DeviceKind.FCM


class DeviceAttempt(NamedTuple):
    """One of the devices of an attempt; without an outcome it is only meant to go there.

    RELEASED from the first: its provider is not called now, and it waits for the next attempt.
    """

    device_token_id: str
    provider: str
    outcome: Outcome | None = None
    provider_message_id: str = ""
    failure: Failure = NO_FAILURE
    latency_ms: float | None = None
    #: Seconds for which the provider asked not to be called again.
    retry_after: float = 0.0
    #: The provider's word on the device.
    rejection: Rejection | None = None
    #: What a transient failure is about.
    cause: Cause = Cause.PROVIDER

    @property
    def gone(self) -> bool:
        """Whether the device is to be forgotten."""
        return self.rejection is Rejection.GONE

    def stored(self) -> dict[str, Any]:
        """As the attempt's event holds it; what is empty is left out."""
        written = {
            "device_token_id": self.device_token_id,
            "provider": self.provider,
            "outcome": self.outcome,
            "provider_message_id": self.provider_message_id,
            "code": self.failure.code,
            "message": self.failure.message,
            "latency_ms": self.latency_ms,
            "forgotten": self.gone,
        }
        return {name: value for name, value in written.items() if value not in ("", None, False)}


class Devices(NamedTuple):
    """How an attempt ended for all of its devices."""

    #: It is done with them: they have it, never will, or may have it and must not get it twice.
    done: Sequence[DeviceAttempt]
    #: Those that may still succeed.
    left: Sequence[DeviceAttempt]

    @property
    def taken(self) -> DeviceAttempt | None:
        """The first that took it; None: none did."""
        return next((one for one in self.done if one.outcome is Outcome.SUCCEEDED), None)

    @property
    def secured(self) -> Status | None:
        """What is certain after this attempt, whatever becomes of the others."""
        if self.taken is not None:
            return Status.SENT
        return Status.UNKNOWN if any(one.outcome is Outcome.UNANSWERED for one in self.done) else None

    @property
    def reached(self) -> int:
        """How many took it."""
        return sum(one.outcome is Outcome.SUCCEEDED for one in self.done)

    @property
    def makes_way(self) -> bool:
        """Whether some were not called in time, and will have their turn as it is done with others."""
        return bool(self.done) and any(one.outcome is Outcome.RELEASED for one in self.left)

    @property
    def all_lost(self) -> bool:
        """Whether no device of them can be reached, as providers say of each."""
        lost = (Rejection.GONE, Rejection.REFUSED)
        return not self.left and all(one.rejection in lost for one in self.done)

    def remembered(self, delivery: Delivery, now: dt.datetime) -> Delivery:
        """``delivery``, knowing what became of them."""
        taken, secured = self.taken, self.secured
        refused = [*delivery.refused_devices, *(one.device_token_id for one in self.done)]
        delivery = delivery._replace(refused_devices=refused)
        if secured is not None and delivery.secured is not Status.SENT:
            delivery = delivery._replace(secured=secured)
        if taken is None or delivery.sent_at is not None:
            return delivery
        return delivery._replace(sent_at=now, provider_message_id=taken.provider_message_id)


def parted(attempts: Sequence[DeviceAttempt], guarantee: Guarantee) -> Devices:
    """Those that it is done with, and those that may still succeed."""
    final = _FINAL | {Outcome.UNANSWERED} if guarantee is Guarantee.AT_MOST_ONCE else _FINAL
    done = [one for one in attempts if one.outcome in final]
    return Devices(done, [one for one in attempts if one.outcome not in final])


def restored(stored: Mapping[str, Any]) -> DeviceAttempt:
    """From an event."""
    outcome = stored.get("outcome")
    return DeviceAttempt(
        stored["device_token_id"],
        stored["provider"],
        Outcome.read(outcome) if outcome else None,
        stored.get("provider_message_id", ""),
        Failure(stored.get("code", ""), stored.get("message", "")),
        stored.get("latency_ms"),
        rejection=Rejection.GONE if stored.get("forgotten") else None,
    )


def live(rows: Sequence[Sequence[str]]) -> list[LiveDevice]:
    """Of ids, tokens and kinds; without those of a kind that only another release knows."""
    return [LiveDevice(id_, token, kind) for id_, token, name in rows if (kind := DeviceKind.named(name)) is not None]
