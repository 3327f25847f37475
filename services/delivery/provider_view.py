"""What a worker and the ledger tell each other about a provider."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from services.delivery.breaker import BreakerState


class Override(enum.Enum):
    """What an operator wants of a breaker; the names are the contract's."""

    AUTOMATIC = enum.auto()  # failures decide
    FORCED_OPEN = enum.auto()
    FORCED_CLOSED = enum.auto()


@dataclass(frozen=True, slots=True)
class ProviderView:
    """How this worker sees a provider."""

    provider: str
    channel: str  # EMAIL, SMS or PUSH
    state: BreakerState | None  # None: it has no experience of its own
    reason: str
    since: dt.datetime


@dataclass(frozen=True, slots=True)
class Directive:
    """How all workers see it, and what operators decided."""

    provider: str
    others_open: bool = False
    override: Override = Override.AUTOMATIC
    paused: bool = False  # it, or its whole channel
