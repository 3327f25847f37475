"""Whom each provider's look-alike takes notifications for."""

from __future__ import annotations

import json

from services.delivery.rules.provider import Provider
from services.sandbox.providers.webpush.browser import Browser
from shared.channel.table import Address, Channel

BY_ADDRESS = {Address.MAILBOX: "ada@example.org", Address.PHONE: "+4915112345678", Address.DEVICE: "device-token"}
#: A token of Apple's.
APNS_TOKEN = "0123456789abcdef" * 4


def browser(url: str, name: str = "ada", key: str = "") -> str:
    """The subscription of a browser at the look-alike that listens at ``url``, for the sender with that key."""
    endpoint = f"{url}/webpush/{name}" + (f"/{key}" if key else "")
    return json.dumps(Browser(name).subscription(endpoint), separators=(",", ":"))  # as JSON.stringify writes it


def recipient(provider: Provider, port: int) -> str:
    """One that ``provider``, pointed at a look-alike with that port, can be asked to reach."""
    if provider.name == "apns":
        return APNS_TOKEN
    if provider.name == "webpush":
        return browser(f"http://127.0.0.1:{port}")
    return BY_ADDRESS[Channel[provider.channel].facts.address]


def as_kept(to: str) -> str:
    """The recipient as the look-alike knows it: a browser by where its pushes go."""
    return str(json.loads(to)["endpoint"]) if to.startswith("{") else to
