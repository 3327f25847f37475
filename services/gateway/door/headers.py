"""What the gateway reads from a call's metadata. Everything else, a tenant somebody names there too, is ignored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Headers:
    """The few headers that mean something here, each with every value that was sent."""

    authorization: list[str] = field(default_factory=list)
    api_key: list[str] = field(default_factory=list)
    idempotency_key: list[str] = field(default_factory=list)
    content_disposition: list[str] = field(default_factory=list)
    traceparent: list[str] = field(default_factory=list)
    transcoded_from: list[str] = field(default_factory=list)
    #: What the edge was called by, and the pages that browsers say the call is from.
    host: list[str] = field(default_factory=list)
    origin: list[str] = field(default_factory=list)

    @property
    def over_rest(self) -> bool:
        """Whether Envoy made the call of a REST request; anybody may say so, as it only tells where limits are told."""
        return bool(self.transcoded_from)


def read(metadata: Iterable[tuple[str, str | bytes]]) -> Headers:
    """Picks them out; gRPC gives keys in lower case."""
    headers = Headers()
    known = {
        "authorization": headers.authorization,
        "x-api-key": headers.api_key,
        "idempotency-key": headers.idempotency_key,
        "traceparent": headers.traceparent,
        "content-disposition": headers.content_disposition,
        "x-envoy-original-path": headers.transcoded_from,
        "x-pulse-host": headers.host,
        "origin": headers.origin,
    }
    for key, value in metadata:
        values = known.get(key)
        if values is not None:
            values.append(value if isinstance(value, str) else value.decode("latin-1"))
    return headers
