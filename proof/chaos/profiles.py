"""The settings a suite is run with, and the times that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Times in seconds. ``environment`` is what the roles are told; the other fields repeat what it means."""

    name: str
    environment: Mapping[str, str]
    lease_s: float
    sweep_s: float
    redispatch_s: float
    call_s: float
    drain_s: float
    limit: int = 10
    window_s: float = 60.0

    @property
    def recovery_goal_s(self) -> float:
        """After a fault, by when what it hit should have ended: lease, sweep, and the time to start a process."""
        return self.lease_s + self.sweep_s + 2.5


#: As delivered, which is what RELIABILITY promises: but for email's retries, which would outlast every cell.
DEFAULT = Profile(
    "default",
    {
        "PULSE_LEDGER_RETRY_POLICIES": "email:cap=32,growth=2;sms:growth=2;push:growth=2;"
        "recipient:base=2;configuration:base=2,cap=32",
        "PULSE_ROUTER_EMAIL_MAX_ATTEMPTS": "6",
    },
    12.0,
    0.5,
    10.0,
    5.0,
    10.0,
)

#: The same relations between the times in a third of the time; the limiter is given time for a loaded machine.
SHORT = Profile(
    "short",
    {
        "PULSE_LEDGER_LEASE_SECONDS": "4",
        "PULSE_LEDGER_REDISPATCH_SECONDS": "3",
        "PULSE_LEDGER_HOUSEKEEPING_SECONDS": "1",
        "PULSE_LEDGER_RETRY_BASE_SECONDS": "0.5",
        "PULSE_LEDGER_RETRY_CAP_SECONDS": "4",
        "PULSE_LEDGER_RETRY_POLICIES": "email:cap=4,growth=2;sms:growth=2;push:growth=2;"
        "recipient:base=0.5;configuration:base=0.5,cap=4",
        "PULSE_ROUTER_EMAIL_MAX_ATTEMPTS": "6",
        "PULSE_DELIVERY_LEASE_SECONDS": "4",
        "PULSE_DELIVERY_CALL_SECONDS": "1.5",
        "PULSE_DELIVERY_STALL_SECONDS": "0.7",
        "PULSE_ROUTER_REDISPATCH_AFTER_SECONDS": "3",
        "PULSE_ROUTER_SWEEP_SECONDS": "0.2",
        "PULSE_ROUTER_LIMITER_TIMEOUT_SECONDS": "0.2",
        "PULSE_DRAIN_SECONDS": "2",
    },
    4.0,
    0.2,
    3.0,
    1.5,
    2.0,
)

PROFILES = {profile.name: profile for profile in (DEFAULT, SHORT)}
