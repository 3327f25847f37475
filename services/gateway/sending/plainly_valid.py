"""A quick look that spares most requests the full check of the contract's rules.

protovalidate hands the interpreter's lock to other threads and waits to get it back, which under load costs
several times its own work. So only requests that are not obviously in order go through it, and it alone says
what is wrong with them. The quick look says yes only where protovalidate would find nothing; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration

from pulse.common.v1 import enums_pb2

#: Five texts in one look, apart by a sign that none of them may hold: user_id, template_name, idempotency_key, subject
#: and locale.
_TEXTS = re.compile(
    r"(?!\.\.?\0)[^\x00-\x1f\x7f]{1,256}\0"
    r"[A-Za-z0-9_.-]{1,100}\0"
    r"[\x21-\x7e]{0,255}\0"
    r"[\x20-\x7e]{0,998}\0"
    r"(?:[a-z]{2}(?:-[A-Z]{2})?)?"
)
#: Fields that are looked at here, or that no rule is about. One that is new goes through the full check.
_LOOKED_AT = {
    *("user_id", "template_name", "to", "idempotency_key", "subject", "locale", "channel", "priority"),
    *("delivery_guarantee", "metadata", "send_at", "expires_at", "ttl", "validate_only"),
}
#: A character takes at most 4 bytes in UTF-8, and an address may take 4,096.
_LONGEST_ADDRESS = 1024
_LONGEST_TTL = 366 * 24 * 3600
#: Channels are numbered from 1 without a gap.
_LAST_CHANNEL = max(enums_pb2.Channel.values())


def plainly_valid(said: Mapping[str, Any]) -> bool:
    """True only if a request of these set fields breaks no rule of the contract; False says nothing."""
    get = said.get
    texts = (get("user_id", ""), get("template_name", ""), get("idempotency_key", ""), get("subject", ""))
    return bool(
        _TEXTS.fullmatch("\0".join((*texts, get("locale", ""))))
        and len(get("to", "")) <= _LONGEST_ADDRESS
        and 0 <= get("channel", 0) <= _LAST_CHANNEL
        and 0 <= get("priority", 0) <= 2
        and 0 <= get("delivery_guarantee", 0) <= 2
        and said.keys() <= _LOOKED_AT
        and ("metadata" not in said or _are_labels(said["metadata"]))
        and ("ttl" not in said or ("expires_at" not in said and _is_length(said["ttl"])))
    )


def _are_labels(metadata: Mapping[str, str]) -> bool:
    return len(metadata) <= 32 and all(0 < len(key) <= 64 and len(metadata[key]) <= 512 for key in metadata)


def _is_length(ttl: Duration) -> bool:
    return 1 <= ttl.seconds < _LONGEST_TTL and 0 <= ttl.nanos < 1_000_000_000
