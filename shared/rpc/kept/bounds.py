"""What both ends of a kept stream hold to; the contract is ``pulse/rpc/v1/kept_stream.proto``."""

from __future__ import annotations

#: The method that serves them.
KEPT = "/pulse.rpc.v1.KeptStreamService/Exchange"
#: A larger request goes by its unary method: it gains little, and others would wait behind it, bytes.
MOST_BYTES = 64 * 1024
#: Calls under way on one stream.
MOST_CALLS = 64
