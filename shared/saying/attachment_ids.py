"""How a tenant's file is named: by its bytes, so that the same ones are kept once."""

from __future__ import annotations

import hashlib


def attachment_id(tenant_id: str, sha256: str) -> str:
    """The id of a tenant's file whose bytes have this SHA-256, in hex."""
    return "att_" + hashlib.sha256(f"attachment\0{tenant_id}\0{sha256}".encode()).hexdigest()[:40]
