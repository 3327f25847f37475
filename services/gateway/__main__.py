"""Runs the gateway: ``python -m services.gateway``."""

from __future__ import annotations

from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway
from shared import process


def main() -> None:
    """Reads the settings and serves until a signal ends it; what stops the start is said in a sentence, status 2."""
    settings = GatewaySettings.load_or_exit()
    process.run("gateway", settings, lambda tracer: Gateway(settings, tracer=tracer))


if __name__ == "__main__":
    main()
