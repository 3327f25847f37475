"""Runs the gateway: ``python -m services.gateway``."""

from __future__ import annotations

from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway
from shared import process
from shared.config import ConfigError


def main() -> None:
    """Reads the settings and serves until a signal ends it; settings that cannot be end it with a sentence."""
    settings = GatewaySettings.load_or_exit()
    try:
        process.run("gateway", settings, lambda tracer: Gateway(settings, tracer=tracer))
    except ConfigError as error:
        raise SystemExit(f"configuration: {error}") from None


if __name__ == "__main__":
    main()
