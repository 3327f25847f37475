"""Which settings each role reads, so that what a deployment tells it can be checked as the role itself would."""

from __future__ import annotations

from services.cli.config import CliSettings
from services.console.config import ConsoleSettings
from services.delivery.config import DeliverySettings
from services.gateway.config import GatewaySettings
from services.ledger.config import LedgerSettings
from services.router.config import RouterSettings
from services.sandbox.config import SandboxSettings
from shared.config import Settings

SETTINGS: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "router": RouterSettings,
    "ledger": LedgerSettings,
    "migrate": LedgerSettings,
    "delivery": DeliverySettings,
    "worker-high": DeliverySettings,
    "worker-low": DeliverySettings,
    "console": ConsoleSettings,
    "sandbox": SandboxSettings,
    "seed": CliSettings,
}
