"""Twilio's callbacks: where they come in, and whether they are Twilio's."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

_PORTS = {"https": 443, "http": 80}


def callback_url(provider: str, public_url: str, tenant_id: str, notification_id: str, query: str = "") -> str:
    """The address given to Twilio for one notification of a provider, or the same with another query.

    Twilio's signature covers every character of the address that it was given.
    """
    tenant, notification = quote(tenant_id, safe=""), quote(notification_id, safe="")
    query = query or f"notification_id={notification}"
    return f"{public_url.rstrip('/')}/callbacks/{provider}/{tenant}/{notification}?{query}"


def is_signed(auth_token: str, url: str, form: Mapping[str, str], signature: str) -> bool:
    """Whether ``signature`` (X-Twilio-Signature) is that of ``form`` posted to ``url``; in constant time.

    Twilio signs with the port or without it, whether or not the address names it, so both will do.
    Source: https://www.twilio.com/docs/usage/security#validating-requests. The SDK's own ``validate`` compares
    character by character and stops for a wrong length; its computation is used, its comparison is not.
    """
    validator = RequestValidator(auth_token)
    expected = [validator.compute_signature(spelling, dict(form)) for spelling in _spellings(url)]
    return any(hmac.compare_digest(each.encode(), signature.encode()) for each in expected)


def _spellings(url: str) -> set[str]:
    """``url`` as it is, without its port, and with it, which is the scheme's own where none is given."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    bare = re.sub(r":\d*\Z", "", parts.netloc)
    return {url, *(urlunsplit(parts._replace(netloc=host)) for host in (bare, f"{bare}:{port}"))}
