"""``python -m services.sandbox``: reads the settings and serves until SIGTERM or SIGINT."""

from __future__ import annotations

from services.sandbox.config import SandboxSettings
from services.sandbox.server import build
from shared import process


def main() -> None:
    """Ends with status 2 for a bad setting, and when a port or the log is taken."""
    settings = SandboxSettings.load_or_exit()
    process.run("sandbox", settings, lambda tracer: build(settings, tracer))


if __name__ == "__main__":
    main()
