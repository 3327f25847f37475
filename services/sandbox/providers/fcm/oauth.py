"""OAuth: the look-alike of Google's token endpoint for service accounts (RFC 7523)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.sandbox.http.body import read_form

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_S = 3599
CLOCK_SKEW_S = 300

#: No secret: it only tells the sandbox's tokens from made-up ones, and lets them outlive a restart.
SEAL = b"pulse-sandbox"


class TokenEndpoint:
    """Gives out access tokens that say themselves when they end, and knows them again."""

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s

    async def token(self, request: Request) -> Response:
        """``POST /token``. The assertion's signature is not checked: the sandbox has no public key of the account."""
        form = await read_form(request)
        if form.get("grant_type") != GRANT:
            return _refusal("unsupported_grant_type", f"grant_type must be {GRANT}")
        claims = _claims(form.get("assertion", ""))
        if claims is None or not isinstance(claims.get("iss"), str):
            return _refusal("invalid_grant", "Invalid JWT: three Base64 parts with the claims iss and exp are needed")
        ends = claims.get("exp")
        if not isinstance(ends, int) or ends < self._now_s() - CLOCK_SKEW_S:
            return _refusal("invalid_grant", "Invalid JWT: it must end at a time in the near future")
        return JSONResponse({"access_token": self._issue(), "expires_in": LIFETIME_S, "token_type": "Bearer"})

    def accepts(self, authorization: str) -> bool:
        """Whether the header holds a token that was given out here and has not ended."""
        scheme, _, token = authorization.partition(" ")
        content, dot, seal = token.rpartition(".")
        if scheme.lower() != "bearer" or not dot or not hmac.compare_digest(seal.encode(), _seal(content).encode()):
            return False
        return int(content.split(".")[1]) > self._now_s()

    def _issue(self) -> str:
        content = f"ya29.{int(self._now_s()) + LIFETIME_S + CLOCK_SKEW_S}.{secrets.token_hex(8)}"
        return f"{content}.{_seal(content)}"


def _seal(content: str) -> str:
    return hmac.digest(SEAL, content.encode(), hashlib.sha256).hex()[:32]


def _claims(assertion: str) -> dict[str, object] | None:
    parts = assertion.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _refusal(error: str, description: str) -> JSONResponse:
    return JSONResponse({"error": error, "error_description": description}, status_code=400)
