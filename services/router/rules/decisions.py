"""Decisions: what a rule said about a notification, for its timeline."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """One rule's say: which rule, what it decided, and why in one sentence without personal data."""

    rule: str
    result: str
    reason: str
