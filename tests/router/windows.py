"""A checker: no window of any place in time holds more than it may."""

from __future__ import annotations

from collections.abc import Iterable


def fullest(times: Iterable[float], seconds: float) -> int:
    """The most of ``times`` (s) that lie in one window of that length, its ends included."""
    ordered = sorted(times)
    first, most = 0, 0
    for index, time in enumerate(ordered):
        while time - ordered[first] > seconds:
            first += 1
        most = max(most, index - first + 1)
    return most
