"""Runs the gateway: ``python -m services.gateway``."""

from __future__ import annotations

import sys

from services.gateway.config import DEFAULT_LISTEN, GatewaySettings
from shared.processes import child as children
from shared.processes import several
from shared.processes.child import Child


def main() -> None:
    """Reads the settings and serves until a signal ends it; what stops the start is said in a sentence, status 2."""
    child = children.taken_from(sys.argv)
    settings = GatewaySettings.load_or_exit()
    role = several.serving("gateway", settings, settings.gateway_processes, DEFAULT_LISTEN)
    several.run(role, child, lambda: _serve(settings, child))


def _serve(settings: GatewaySettings, child: Child | None) -> None:
    from services.gateway.server import Gateway  # not in the parent of several, which so stays small
    from shared import process

    number = child.number if child else None
    process.run("gateway", settings, lambda tracer: Gateway(settings, tracer=tracer, process=number), child)


if __name__ == "__main__":
    main()
