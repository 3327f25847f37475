"""How many calls a provider may be given in a time: as configured, or as operators say at run time."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from shared.channel.provider_names import PATTERN

_SECOND = 1_000_000  # µs
#: The share of a second whose calls may come at once: more than a dispatcher's pause between two draws.
_BURST_SECONDS = 0.1
_PART = re.compile(rf"({PATTERN})=(\d{{1,12}})(?:/(\d{{1,7}}(?:\.\d{{1,3}})?))?")


class Rate(NamedTuple):
    """At most ``amount`` in any ``seconds``; both above zero."""

    amount: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.amount} per {self.seconds:g} s"

    @property
    def burst(self) -> int:
        """How many may come at once: a tenth of the amount at the most, as the burst is taken off what flows."""
        return max(min(math.ceil(self.amount * _BURST_SECONDS / self.seconds), self.amount // 10), 1)

    @property
    def interval(self) -> int:
        """Time in which one more becomes free, µs.

        A window that begins with a burst sees one more for every interval after it: so the burst is taken off the
        amount, and any window, its ends included, holds no more than the amount.
        """
        return round(self.seconds * _SECOND) // (self.amount - self.burst + 1) + 1

    def shared(self, among: int) -> Rate:
        """One of so many equal parts."""
        if self.amount >= among:
            return Rate(self.amount // among, self.seconds)
        return Rate(1, self.seconds * among / self.amount)


class ProviderRates(Protocol):
    """Which providers have a bound."""

    @property
    def bounded(self) -> Collection[str]:
        """The providers that have one."""

    def bound(self, provider: str) -> Rate | None:
        """A provider's amount and seconds; None: it has no bound."""


class Rates:
    """What is configured, and what operators set instead."""

    def __init__(self, configured: Mapping[str, Rate]) -> None:
        self._configured = configured
        self._rates = configured

    @property
    def bounded(self) -> Collection[str]:
        """The providers that have a bound."""
        return self._rates.keys()

    def bound(self, provider: str) -> Rate | None:
        """A provider's rate; None: it has no bound."""
        return self._rates.get(provider)

    def override(self, rates: Mapping[str, Rate]) -> None:
        """From now on these count for the providers they name, and what is configured for all others."""
        self._rates = {**self._configured, **rates}


def parse_rates(text: str) -> dict[str, Rate]:
    """From ``"twilio=100/1,smtp=600/60"``: calls, and s (1 unless said) in which so many may be made.

    Raises ValueError with a sentence.
    """
    rates: dict[str, Rate] = {}
    for part in filter(None, text.split(",")):
        found = _PART.fullmatch(part)
        rate = Rate(int(found[2]), float(found[3] or 1)) if found else Rate(0, 0)
        if not found or rate.amount < 1 or not 0.1 <= rate.seconds <= 31 * 86_400:
            raise ValueError(f'{part!r} is not a provider, calls and seconds, as in "twilio=100/1"')
        rates[found[1]] = rate
    return rates
