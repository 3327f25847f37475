"""How fair a service was."""

from __future__ import annotations

from collections.abc import Iterable


def jain(shares: Iterable[float]) -> float:
    """Jain's fairness index of what each got: 1 if all got the same, 1/n if one of n got everything.

    Source: Jain, Chiu, Hawe, DEC Research Report TR-301, 1984.
    """
    counts = list(shares)
    return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))
