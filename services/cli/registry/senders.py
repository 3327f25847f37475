"""``pulse senders``: create, update, get, list, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output
from services.cli.options import Address, ChannelName, Json

if TYPE_CHECKING:
    from pulse_client import Sender

Name = Annotated[str, typer.Argument(metavar="NAME", help="the sender's name")]
From = Annotated[
    str, typer.Option("--from", help="a mail address, a number, an alphanumeric id or a messaging service (MG...)")
]
DisplayName = Annotated[str, typer.Option("--display-name", help="what mail programs show; EMAIL alone")]
ReplyTo = Annotated[str, typer.Option("--reply-to", help="where answers go; EMAIL alone")]
Default = Annotated[bool, typer.Option("--default", help="where neither request nor template names one")]
Tenant = Annotated[str, typer.Option("--tenant", help="whose, if not the key's own")]


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(help="Register who notifications come from, and look at them.", no_args_is_help=True)
    for name, command in (
        ("create", create),
        ("update", update),
        ("get", get),
        ("list", list_),
        ("delete", delete),
    ):
        tree.command(name)(command)
    return tree


def create(
    name: Name,
    channel: ChannelName,
    from_: From,
    display_name: DisplayName = "",
    reply_to: ReplyTo = "",
    default: Default = False,
    tenant: Tenant = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Register a sender."""
    sender = _given(name, channel, from_, display_name, reply_to, default)
    from services.cli.connect import gateway

    with gateway(address) as client:
        _show(client.create_sender(sender, tenant), json)


def update(
    name: Name,
    channel: ChannelName,
    from_: From,
    display_name: DisplayName = "",
    reply_to: ReplyTo = "",
    default: Default = False,
    tenant: Tenant = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Replace a sender, the whole of it; what was accepted still comes from the one before."""
    sender = _given(name, channel, from_, display_name, reply_to, default)
    from services.cli.connect import gateway

    with gateway(address) as client:
        _show(client.update_sender(sender, tenant), json)


def get(name: Name, tenant: Tenant = "", json: Json = False, address: Address = "") -> None:
    """Show a sender."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        sender = client.get_sender(name, tenant)
    if json:
        output.print_json(sender)
        return
    output.print_fields(
        {
            "name": sender.name,
            "channel": sender.channel,
            "from": sender.address,
            "display name": sender.display_name,
            "reply to": sender.reply_to,
            "default": "yes" if sender.is_default else "",
            "changed": sender.update_time,
        }
    )


def list_(channel: ChannelName = "", tenant: Tenant = "", json: Json = False, address: Address = "") -> None:
    """List senders by name."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        senders = list(client.list_senders(channel, tenant_id=tenant))
    if json:
        output.print_json(senders)
        return
    output.print_table(
        ("NAME", "CHANNEL", "FROM", "DISPLAY NAME", "REPLY TO", "DEFAULT"),
        [(s.name, s.channel, s.address, s.display_name, s.reply_to, "yes" if s.is_default else "") for s in senders],
    )


def delete(name: Name, tenant: Tenant = "", address: Address = "") -> None:
    """Forget a sender that no template names; what was accepted still comes from it."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        client.delete_sender(name, tenant)
    output.say(f"{name} is forgotten.")


def _given(name: str, channel: str, address: str, display_name: str, reply_to: str, default: bool) -> Sender:
    from pulse_client import Channel, Sender

    return Sender(name, Channel(channel), address, display_name, reply_to, default)


def _show(sender: Sender, json: bool) -> None:
    if json:
        output.print_json(sender)
    else:
        output.say(f"{sender.name} sends from {sender.address} by {sender.channel}.")
