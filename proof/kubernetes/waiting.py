"""Waiting on conditions."""

from __future__ import annotations

import time
from collections.abc import Callable

from proof.kubernetes.commands import Failed

#: Pause between two looks, s.
POLL_S = 0.25


def until(condition: Callable[[], object], what: str, within_s: float = 120.0) -> float:
    """How long it took until the condition held, in s; raises :class:`Failed` if that is too long.

    A condition that itself raises :class:`Failed` does not hold yet.
    """
    began = time.monotonic()
    reason = ""
    while True:
        try:
            if condition():
                return time.monotonic() - began
        except Failed as failed:
            reason = f": {failed}"
        if time.monotonic() - began > within_s:
            raise Failed(f"waited {within_s:.0f} s for {what}{reason}")
        time.sleep(POLL_S)
