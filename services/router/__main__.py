"""``python -m services.router``: the router's process."""

from __future__ import annotations

from services.router.config import RouterSettings
from services.router.server import Router
from shared import process


def main() -> None:
    """Reads the settings and serves until a signal ends it."""
    settings = RouterSettings.load_or_exit(behind_gateway=True)
    process.run("router", settings, lambda tracer: Router(settings, tracer=tracer))


if __name__ == "__main__":
    main()
