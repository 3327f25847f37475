"""``python -m services.sandbox``: reads the settings and serves until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from services.sandbox.config import SandboxSettings
from services.sandbox.receipt_log import LogInUse
from services.sandbox.server import build
from shared import logs


async def serve(settings: SandboxSettings) -> None:
    """Serves until the process is told to stop."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    sandbox = build(settings)
    await sandbox.start()
    await told.wait()
    await sandbox.stop()


def main() -> None:
    """Ends with status 2 for a bad setting and 1 when a port or the log is taken."""
    settings = SandboxSettings.load_or_exit()
    logs.configure("sandbox", settings.log_level)
    try:
        uvloop.run(serve(settings))
    except (OSError, LogInUse) as error:
        logs.logger(__name__).error("cannot_start", reason=str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
