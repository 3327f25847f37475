"""Twilio's callbacks: where they come in, and whether they are Twilio's."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import quote

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]


def callback_url(public_url: str, tenant_id: str, notification_id: str, query: str = "") -> str:
    """The address given to Twilio for one notification, or the same with another query.

    Twilio's signature covers every character of the address that it was given.
    """
    tenant, notification = quote(tenant_id, safe=""), quote(notification_id, safe="")
    query = query or f"notification_id={notification}"
    return f"{public_url.rstrip('/')}/callbacks/twilio/{tenant}/{notification}?{query}"


def is_signed(auth_token: str, url: str, form: Mapping[str, str], signature: str) -> bool:
    """Whether ``signature`` (X-Twilio-Signature) is that of ``form`` posted to ``url``; in constant time.

    Source: https://www.twilio.com/docs/usage/security#validating-requests. The SDK's own ``validate`` compares
    character by character and stops for a wrong length; its computation is used, its comparison is not.
    """
    expected = RequestValidator(auth_token).compute_signature(url, dict(form))
    return hmac.compare_digest(expected.encode(), signature.encode())
