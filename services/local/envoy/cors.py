"""Which web pages of other origins may call the API: Envoy's CORS policy."""

from __future__ import annotations

import re
from typing import Any

_POLICY = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy"
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")

#: What a page may send and read besides what browsers always allow.
SENT = ("authorization", "content-type", "idempotency-key", "traceparent", "tracestate", "x-api-key")
READ = ("ratelimit", "ratelimit-policy", "retry-after")


def origins(text: str) -> list[str]:
    """The origins in ``text``, separated by commas: ``https://app.example.com``, with a port where it is not the
    scheme's own; ``*`` is any. Raises ValueError for what a browser would never call its origin.
    """
    found = [origin.strip() for origin in text.split(",") if origin.strip()]
    for origin in found:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin: write https://app.example.com, without a path, in lower case")
    return found


def policy(text: str) -> dict[str, Any]:
    """The policy for :func:`origins` of ``text``; none: no page of another origin may call.

    Cookies are never asked for: a caller is known by the key in a header.
    """
    any_origin = {"safe_regex": {"regex": ".*"}}
    return {
        "@type": _POLICY,
        "allow_origin_string_match": [any_origin if one == "*" else {"exact": one} for one in origins(text)],
        "allow_methods": "GET, POST, PUT, PATCH, DELETE",
        "allow_headers": ", ".join(SENT),
        "expose_headers": ", ".join(READ),
        "max_age": "600",
    }
