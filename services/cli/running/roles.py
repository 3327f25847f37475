"""``pulse serve``, ``worker`` and ``migrate``: this process becomes one role, so that signals reach it."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated, NoReturn

import typer


class Served(StrEnum):
    """Roles that serve."""

    GATEWAY = "gateway"
    ROUTER = "router"
    LEDGER = "ledger"
    DELIVERY = "delivery"
    SANDBOX = "sandbox"
    CONSOLE = "console"


class ServedLane(StrEnum):
    """Lanes that workers serve."""

    HIGH = "high"
    LOW = "low"


def serve(role: Annotated[Served, typer.Argument(help="which one")]) -> None:
    """Run one role in this process, until a signal ends it."""
    _become(f"services.{role}")


def worker(lane: Annotated[ServedLane, typer.Argument(help="whose notifications it sends")]) -> None:
    """Run the delivery workers of one lane."""
    _become("services.delivery.worker", lane)


def migrate(
    before: Annotated[bool, typer.Option("--before", help="only what the release before can live with")] = False,
    sql: Annotated[bool, typer.Option("--sql", help="print the statements and change nothing")] = False,
) -> None:
    """Bring the database's schema up to date."""
    options = {"--before": before, "--sql": sql}
    _become("services.ledger.migrate", *(option for option, given in options.items() if given))


def _become(module: str, *arguments: str) -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606  # names of our own modules
