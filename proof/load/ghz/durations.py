"""Durations as Go writes them: ``1m30s``, ``250ms``, ``1.5h``."""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds(text: str) -> float:
    """Seconds in a duration that is not negative; ``0`` needs no unit. Raises ValueError.

    https://pkg.go.dev/time#ParseDuration
    """
    if text == "0":
        return 0.0
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is no duration such as 1m30s or 250ms")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def nanoseconds(duration_s: float) -> int:
    """As reports write durations."""
    return round(duration_s * 1e9)
