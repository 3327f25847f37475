"""Whom each provider's look-alike takes notifications for."""

from __future__ import annotations

import json

from services.delivery.providers.apprise.sealing import KeyRing
from services.delivery.providers.registry import BY_NAME
from services.delivery.rules.provider import Provider
from services.sandbox.providers.webpush.browser import Browser
from shared.channel.table import Address, Channel

BY_ADDRESS = {
    Address.MAILBOX: "ada@example.org",
    Address.PHONE: "+4915112345678",
    Address.DEVICE: "device-token",
    Address.DESTINATION: "ops-alerts",
}
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


def destination(provider: Provider) -> bytes:
    """Where the recipient leads, where it is a destination's name: to a topic of ntfy that is called as it is."""
    if Channel[provider.channel].facts.address is not Address.DESTINATION:
        return b""
    name = BY_ADDRESS[Address.DESTINATION]
    keys = KeyRing.parse(BY_NAME[provider.name].lookalike.environment["PULSE_APPRISE_KEYS"])
    return keys.seal("default", name, f"ntfys://ntfy.example.org/{name}")


def as_kept(to: str) -> str:
    """The recipient as the look-alike knows it: a browser by where its pushes go."""
    return str(json.loads(to)["endpoint"]) if to.startswith("{") else to
