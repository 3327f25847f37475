"""``pulse fragments``: create, update, get, list, delete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import output, parse
from services.cli.options import Address, ChannelName, Json, Locale

if TYPE_CHECKING:
    from pulse_client import Fragment

Name = Annotated[str, typer.Argument(help="the fragment's name")]
MaybeName = Annotated[str, typer.Argument(help="the fragment's name; may stand in the file")]
File = Annotated[
    Path | None, typer.Option("--file", exists=True, dir_okay=False, help="the whole fragment, a JSON file")
]
Body = Annotated[str, typer.Option("--body", help="the text, Liquid; @PATH reads a file")]
Apply = Annotated[
    bool,
    typer.Option("--apply-to-templates", help="make the next version of all templates that take it in, or of none"),
]


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(help="Make, change and look at layouts and pieces of templates.", no_args_is_help=True)
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
    name: MaybeName = "",
    file: File = None,
    body: Body = "",
    channel: ChannelName = "",
    locale: Locale = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Make a fragment, from options or a file."""
    fragment = _given(name, file, body, channel, locale)
    from services.cli.connect import gateway

    with gateway(address) as client:
        _show(client.create_fragment(fragment), json)


def update(
    name: MaybeName = "",
    file: File = None,
    body: Body = "",
    channel: ChannelName = "",
    locale: Locale = "",
    apply_to_templates: Apply = False,
    json: Json = False,
    address: Address = "",
) -> None:
    """Make a fragment's next version: the whole of it, from options or a file."""
    fragment = _given(name, file, body, channel, locale)
    from services.cli.connect import gateway

    with gateway(address) as client:
        _show(client.update_fragment(fragment, apply_to_templates=apply_to_templates), json)


def get(
    name: Name,
    version: Annotated[int, typer.Option("--version", min=0, help="0: the newest")] = 0,
    json: Json = False,
    address: Address = "",
) -> None:
    """Show a fragment; with --json in the form that --file takes."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        fragment = client.get_fragment(name, version)
    if json:
        output.print_json(fragment)
        return
    output.print_fields(
        {
            "name": fragment.name,
            "version": fragment.version,
            "takes in": ", ".join(fragment.fragments) or None,
            "taken in by": _users(fragment) or None,
        }
    )
    for content in fragment.contents:
        print()
        output.print_fields({"channel": content.channel, "locale": content.locale})
        print(content.body)


def list_(json: Json = False, address: Address = "") -> None:
    """List fragments by name."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        fragments = list(client.list_fragments())
    if json:
        output.print_json(fragments)
        return
    output.print_table(
        ("NAME", "VERSION", "TAKES IN", "CHANGED"),
        [(one.name, one.version, ", ".join(one.fragments), one.update_time) for one in fragments],
    )


def delete(name: Name, address: Address = "") -> None:
    """Take a fragment out of use; templates that take it in must be changed first."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        client.delete_fragment(name)
    output.say(f"{name} is out of use.")


def _show(fragment: Fragment, json: bool) -> None:
    if json:
        output.print_json(fragment)
        return
    users = _users(fragment)
    output.say(f"{fragment.name} is at version {fragment.version}." + (f" Taken in by {users}." if users else ""))


def _users(fragment: Fragment) -> str:
    return ", ".join(f"{use.template_name} (version {use.fragment_version} of it)" for use in fragment.used_by)


def _given(name: str, file: Path | None, body: str, channel: str, locale: str) -> Fragment:
    """The fragment out of options or a file; a file is whole, so options beside it would be lost."""
    if file is None:
        content = {"body": parse.text_or_file(body), "channel": channel, "locale": locale}
        return _fragment({"name": name, "contents": [content]})
    if body or channel or locale:
        raise typer.BadParameter("--file holds the whole fragment; leave the other options away")
    fields = parse.json_object(parse.read_text(file), str(file))
    return _fragment({**fields, "name": name or fields.get("name", "")})


def _fragment(fields: dict[str, Any]) -> Fragment:
    """From a JSON object, as REST takes it and --json prints it; BadParameter for what is none."""
    from google.protobuf.json_format import ParseDict, ParseError

    from pulse.common.v1 import fragment_pb2
    from pulse_client.fragments import read

    unsent = ("version", "create_time", "update_time", "fragments", "used_by", "unknown")
    contents = [_content(content) for content in fields.get("contents", ())]
    message = fragment_pb2.Fragment()
    try:
        ParseDict({key: value for key, value in fields.items() if key not in unsent} | {"contents": contents}, message)
    except ParseError as error:
        raise typer.BadParameter(str(error)) from None
    if not message.name or not message.contents or not all(content.body for content in message.contents):
        raise typer.BadParameter("a fragment needs a name and a body")
    return read.fragment(message)


def _content(given: Any) -> dict[str, Any]:
    """As protobuf reads it: with no channel where none is named, in any case."""
    if not isinstance(given, dict):
        raise typer.BadParameter("each of a fragment's contents must be a JSON object")
    channel = parse.channel(str(given.get("channel", "") or "")) if given.get("channel") != "UNSPECIFIED" else ""
    rest = {key: value for key, value in given.items() if key not in ("channel", "unknown")}
    return rest | ({"channel": channel} if channel else {})
