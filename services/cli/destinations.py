"""``pulse destinations``: add, set, show, list, delete."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output
from services.cli.options import Address, Json

if TYPE_CHECKING:
    from pulse_client import Destination

Name = Annotated[str, typer.Argument(metavar="NAME", help="what requests call it: letters, digits, _, - and .")]

_COLUMNS = ("name", "kind", "host", "fingerprint", "key_id", "update_time")


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(help="Register the rooms of chat services that notifications can go to.", no_args_is_help=True)
    for name, command in (("add", add), ("set", set_), ("show", show), ("list", list_), ("delete", delete)):
        tree.command(name)(command)
    return tree


def add(name: Name, json: Json = False, address: Address = "") -> None:
    """Register one. Its url is asked for, or read from standard input, so that no list of processes shows it."""
    url = _url()
    from services.cli.connect import gateway

    with gateway(address) as client:
        _tell(client.create_destination(name, url), json)


def set_(name: Name, json: Json = False, address: Address = "") -> None:
    """Set where one leads, encrypted with the newest key; its url is read as for add."""
    url = _url()
    from services.cli.connect import gateway

    with gateway(address) as client:
        _tell(client.update_destination(name, url), json)


def show(name: Name, json: Json = False, address: Address = "") -> None:
    """Show one, without its url."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        _tell(client.get_destination(name), json)


def list_(json: Json = False, address: Address = "") -> None:
    """List all by name, without their urls."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        found = client.list_destinations()
    if json:
        output.print_json(found)
        return
    titles = tuple(column.replace("_", " ").upper() for column in _COLUMNS)
    output.print_table(titles, [tuple(getattr(one, column) for column in _COLUMNS) for one in found])


def delete(name: Name, address: Address = "") -> None:
    """Take one out of use; what waits for it fails."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        client.delete_destination(name)
    output.say(f"{name} is out of use.")


def _url() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("url", hide_input=True, err=True)).strip()
    return sys.stdin.readline(4096).strip()


def _tell(destination: Destination, json: bool) -> None:
    if json:
        output.print_json(destination)
    else:
        output.print_fields({name.replace("_", " "): value for name, value in dataclasses.asdict(destination).items()})
