"""``python -m services.router``: the router."""

from __future__ import annotations

import sys

from services.router.config import DEFAULT_LISTEN, RouterSettings
from shared.processes import child as children
from shared.processes import several
from shared.processes.child import Child


def main() -> None:
    """Reads the settings and serves until a signal ends it; what stops the start is said in a sentence, status 2."""
    child = children.taken_from(sys.argv)
    settings = RouterSettings.load_or_exit(behind_gateway=True)
    role = several.serving("router", settings, settings.router_processes, DEFAULT_LISTEN)
    several.run(role, child, lambda: _serve(settings, child))


def _serve(settings: RouterSettings, child: Child | None) -> None:
    from services.router.server import Router  # not in the parent of several, which so stays small
    from shared import process

    process.run("router", settings, lambda tracer: Router(settings, tracer=tracer), child)


if __name__ == "__main__":
    main()
