"""``python -m services.console``: reads the settings and serves until SIGTERM or SIGINT."""

from __future__ import annotations

from services.console.config import ConsoleSettings
from services.console.server import Console
from shared import process


def main() -> None:
    """Ends with status 2 for a bad setting."""
    settings = ConsoleSettings.load_or_exit()
    process.run("console", settings, lambda tracer: Console(settings, tracer=tracer))


if __name__ == "__main__":
    main()
