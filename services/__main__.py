"""The ``pulse`` command."""

from __future__ import annotations

from services.cli.app import app


def main() -> None:
    """Runs the command that the arguments name."""
    app()


if __name__ == "__main__":
    main()
