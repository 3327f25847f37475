"""``python -m services.sandbox``: reads the settings and serves until SIGTERM or SIGINT."""

from __future__ import annotations

import sys

from services.sandbox.config import SandboxSettings
from services.sandbox.receipt_log import LogInUse
from services.sandbox.server import build
from shared import logs, process


def main() -> None:
    """Ends with status 2 for a bad setting and 1 when a port or the log is taken."""
    settings = SandboxSettings.load_or_exit()
    try:
        process.run("sandbox", settings, lambda tracer: build(settings, tracer))
    except (OSError, LogInUse) as error:
        logs.logger(__name__).error("cannot_start", reason=str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
