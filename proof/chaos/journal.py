"""What the driver saw: the callers' side of the story."""

from __future__ import annotations

from dataclasses import dataclass, field

from proof.chaos.load import Ask


@dataclass(frozen=True)
class Acknowledgement:
    """An answer OK. ``at`` in seconds since 1970."""

    ask: Ask
    notification_id: str
    at: float


@dataclass(frozen=True)
class Refusal:
    """An answer that is an error and final."""

    ask: Ask
    reason: str


@dataclass
class Journal:
    """Everything one cell's callers asked for and were told."""

    asked: list[Ask] = field(default_factory=list)
    acknowledged: list[Acknowledgement] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    #: Asked for and never answered: each may exist or not.
    open: list[Ask] = field(default_factory=list)
    #: Ids whose cancelling was answered OK.
    cancelled: set[str] = field(default_factory=set)
    #: Calls that were sent again with their key because no answer came.
    repeated: int = 0
