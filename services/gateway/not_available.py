"""What the contract promises and this release does not do yet: refused by name, never half done."""

from __future__ import annotations

from shared.errors import Code, PulseError


def not_available(what: str) -> PulseError:
    """UNIMPLEMENTED with reason NOT_AVAILABLE; nothing was changed."""
    return PulseError(
        Code.UNIMPLEMENTED, "NOT_AVAILABLE", f"{what} cannot be done with this release of Pulse; nothing was changed"
    )
