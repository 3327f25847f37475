"""Who a push comes from, verified by RFC 8292. Pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from services.sandbox.http.signed_token import decoded, point, read_token

#: A token may end so much later than now, s.
LONGEST_S = 24 * 3600
CLOCK_SKEW_S = 60

_HEADER = re.compile(r"vapid +(.+)", re.IGNORECASE)


class Sender(NamedTuple):
    """A push's, as its header tells."""

    key: str  # public, base64url
    claims: dict[str, Any]


class NotVouched(ValueError):
    """The header does not show who it is; the text says why."""


def sender(authorization: str, origin: str, now_s: float) -> Sender:
    """Raises :class:`NotVouched`."""
    found = _HEADER.fullmatch(authorization.strip())
    given = dict(part.strip().partition("=")[::2] for part in found[1].split(",")) if found else {}
    if not given.get("t") or not given.get("k"):
        raise NotVouched("vapid with t and k is needed")
    try:
        token, key = read_token(given["t"]), point(decoded(given["k"]))
    except ValueError:
        raise NotVouched("t is no token, or k no key") from None
    if not token.is_signed_by(key):
        raise NotVouched("the signature is another key's")
    _check(token.claims, origin, now_s)
    return Sender(given["k"], token.claims)


def _check(claims: dict[str, Any], origin: str, now_s: float) -> None:
    ends = claims.get("exp")
    if claims.get("aud") != origin:
        raise NotVouched("aud is not this push service's origin")
    if not isinstance(ends, int) or not now_s < ends <= now_s + LONGEST_S + CLOCK_SKEW_S:
        raise NotVouched("exp is past, or more than a day away")
    if not str(claims.get("sub", "")).startswith(("mailto:", "https://")):
        raise NotVouched("sub is neither mailto: nor https:")
