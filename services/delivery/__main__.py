"""``python -m services.delivery``: the delivery gRPC service."""

from __future__ import annotations

from services.delivery.config import DeliverySettings
from services.delivery.server import Delivery
from shared import process


def main() -> None:
    """Serves until a signal ends it; a bad setting ends it with status 2."""
    settings = DeliverySettings.load_or_exit(behind_gateway=True)
    process.run("delivery", settings, lambda tracer: Delivery(settings, tracer=tracer))


if __name__ == "__main__":
    main()
