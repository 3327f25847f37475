"""API keys, as they are kept: without their secrets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple


class ApiKey(NamedTuple):
    """One key. ``digest`` is the SHA-256 of its secret."""

    tenant_id: str
    key_id: str
    name: str
    scopes: Sequence[str]
    digest: bytes
    created_at: dt.datetime
    expires_at: dt.datetime | None = None
    revoked_at: dt.datetime | None = None
