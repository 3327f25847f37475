"""Outages: a thing that is away is said once when it goes and once when it is back."""

from __future__ import annotations

from typing import Any

from shared.observe.logs import logger

log: Any = logger(__name__)


class Outage:
    """Remembers whether one outside thing is away."""

    def __init__(self, what: str, consequence: str) -> None:
        self._what = what
        self._consequence = consequence
        self._away = False

    @property
    def away(self) -> bool:
        """Whether it was away when last tried."""
        return self._away

    def failed(self, why: str) -> None:
        """It could not be used."""
        if not self._away:
            log.warning("away", what=self._what, why=why, consequence=self._consequence)
        self._away = True

    def worked(self) -> None:
        """It could be used."""
        if self._away:
            log.info("back", what=self._what)
        self._away = False
