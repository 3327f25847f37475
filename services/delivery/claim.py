"""Claim: one notification in a worker's hands, under a lease."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from services.delivery.providers.base import Outcome


@dataclass(frozen=True, slots=True)
class Claim:
    """All that is needed to send one notification.

    Both ends are moments of ``time.monotonic()``, worked out from the ledger's own clock: the worker's wall clock
    may be wrong by any amount.
    """

    tenant_id: str
    notification_id: str
    fence: int
    attempt: int  # from 1
    provider: str
    channel: str  # EMAIL, SMS or PUSH
    to: str
    subject: str  # replaces the template's, if not empty
    context_json: str
    template_name: str
    template_version: int
    locale: str
    created_at: dt.datetime
    lease_until: float
    expires_at: float | None  # no byte may go out after it
    lane: str = "LOW"  # HIGH or LOW
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended."""

    claim: Claim
    outcome: Outcome
    latency: float = 0.0  # of the provider's call, s; 0 if there was none
