"""A value that a filter cannot take."""

from __future__ import annotations

from liquid.exceptions import LiquidError


class UnfitValue(LiquidError):
    """A filter cannot take what it was given. Holds no value, as values are personal.

    ``reason`` is a stable code, ``what`` completes "<variable> ...", ``place`` says which value it is: 0 for the one
    the filter is applied to, then its arguments from 1.
    """

    def __init__(self, reason: str, what: str, place: int = 0) -> None:
        super().__init__(f"{reason}: {what}", token=None)
        self.reason = reason
        self.what = what
        self.place = place
