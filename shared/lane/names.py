"""Lanes: how urgently a notification travels."""

from __future__ import annotations

import enum


class Lane(enum.StrEnum):
    """Where a priority travels; HIGH has its own workers. The names are the contract's."""

    HIGH = "HIGH"
    LOW = "LOW"
