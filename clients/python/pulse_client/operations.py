"""What operators see and set."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pulse_client.enums import BreakerOverride, BreakerState, Channel, LimitKind


@dataclass(frozen=True)
class Cancelled:
    """What became of taking many back: ``cancelled`` of ``matched``, which counts those that waited."""

    matched: int
    cancelled: int


@dataclass(frozen=True)
class Replay:
    """What became of a replay of many: ``replayed`` of ``matched``, the last of them due at ``last_due_time``."""

    matched: int
    replayed: int
    last_due_time: dt.datetime | None


@dataclass(frozen=True)
class Limit:
    """One limit that differs from what is configured. ``tenant_id`` is empty for all tenants.

    What ``subject`` and ``amount`` mean, and whether there is a ``window``, depends on the kind: see the contract,
    ``pulse/common/v1/limit.proto``. The first, and the last two, are Pulse's answer.
    """

    limit_id: str
    kind: LimitKind
    subject: str
    amount: int
    window: dt.timedelta | None
    tenant_id: str
    actor: str
    update_time: dt.datetime | None


@dataclass(frozen=True)
class ProviderState:
    """How one provider does, and what operators decided on it. ``since`` is that of the breaker's state."""

    provider: str
    channel: Channel
    breaker: BreakerState
    reason: str
    since: dt.datetime | None
    override: BreakerOverride
    paused: bool
    channel_paused: bool
    receipts_slow: bool
    actor: str
    reachable: bool
    problem: str
    check_time: dt.datetime | None
