"""``python -m services.delivery``: the delivery gRPC service."""

from __future__ import annotations

import sys

from services.delivery.config import DEFAULT_LISTEN, DeliverySettings
from shared.processes import child as children
from shared.processes import several
from shared.processes.child import Child


def main() -> None:
    """Reads the settings and serves until a signal ends it; what stops the start is said in a sentence, status 2."""
    child = children.taken_from(sys.argv)
    settings = DeliverySettings.load_or_exit(behind_gateway=True)
    role = several.serving("delivery", settings, settings.delivery_processes, DEFAULT_LISTEN)
    several.run(role, child, lambda: _serve(settings, child))


def _serve(settings: DeliverySettings, child: Child | None) -> None:
    from services.delivery.server import Delivery  # not in the parent of several, which so stays small
    from shared import process

    process.run("delivery", settings, lambda tracer: Delivery(settings, tracer=tracer), child)


if __name__ == "__main__":
    main()
