"""The ``pulse`` command, put together. Commands import what they need when they run, so that help is quick."""

from __future__ import annotations

from collections.abc import Callable

import typer

from services.cli import (
    attachments,
    cancel,
    dead_letters,
    destinations,
    keys,
    limits,
    notification,
    operations,
    providers,
    recipients,
    send,
    template,
    templates,
    version,
)
from services.cli.batch import command as batch
from services.cli.events import feed, subscriptions
from services.cli.registry import fragments, senders
from services.cli.running import certs, local, roles

COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Notifications": {
        "send": send.send,
        "batch": batch.batch,
        "get": notification.get,
        "list": notification.list_,
        "watch": notification.watch,
        "cancel": cancel.cancel,
        "acknowledge": notification.acknowledge,
        "events": feed.events,
    },
    "Operations": {"queues": operations.queues, "stats": operations.stats},
    "Running Pulse": {
        "up": local.up,
        "status": local.status,
        "clean-data": local.clean_data,
        "serve": roles.serve,
        "worker": roles.worker,
        "migrate": roles.migrate,
        "certs": certs.certs,
        "version": version.version,
    },
}


def build() -> typer.Typer:
    """The whole command tree."""
    tree = typer.Typer(
        name="pulse",
        help="Sends notifications with Pulse, follows them, and runs Pulse itself.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for panel, commands in COMMANDS.items():
        for name, command in commands.items():
            tree.command(name, rich_help_panel=panel)(command)
    tree.add_typer(template.build(), name="template", rich_help_panel="Notifications")
    tree.add_typer(templates.build(), name="templates", rich_help_panel="Notifications")
    tree.add_typer(attachments.build(), name="attachments", rich_help_panel="Notifications")
    tree.add_typer(recipients.build(), name="recipients", rich_help_panel="Notifications")
    tree.add_typer(subscriptions.build(), name="subscriptions", rich_help_panel="Notifications")
    tree.add_typer(fragments.build(), name="fragments", rich_help_panel="Notifications")
    tree.add_typer(senders.build(), name="senders", rich_help_panel="Notifications")
    tree.add_typer(dead_letters.build(), name="dead-letters", rich_help_panel="Operations")
    tree.add_typer(limits.build(), name="limits", rich_help_panel="Operations")
    tree.add_typer(providers.build(), name="providers", rich_help_panel="Operations")
    tree.add_typer(keys.build(), name="keys", rich_help_panel="Operations")
    tree.add_typer(destinations.build(), name="destinations", rich_help_panel="Operations")
    return tree


app = build()
