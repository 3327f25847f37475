"""Destinations: what a provider asks of who registers where its notifications go."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class SealedDestination(NamedTuple):
    """A destination as it may be kept and listed."""

    kind: str  # which service it is
    host: str  # that is called
    fingerprint: str  # of its address
    key_id: str  # of the key that its address is encrypted with
    sealed: bytes  # its address, encrypted


class Destinations(Protocol):
    """Takes destinations in."""

    async def seal(self, tenant_id: str, name: str, url: str) -> SealedDestination:
        """One, checked and encrypted; it is kept nowhere. Raises INVALID_ARGUMENT."""
        ...
