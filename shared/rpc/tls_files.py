"""Where a role's certificate stands."""

from __future__ import annotations

from typing import NamedTuple


class TlsFiles(NamedTuple):
    """Paths of a role's certificate chain, of its key, and of the authorities whose certificates it believes; PEM."""

    certificate: str
    key: str
    authorities: str
