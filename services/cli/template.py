"""``pulse template``: create, update, get, list, delete, preview."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output, parse
from services.cli.options import Address, ChannelName, Context, Json, Locale, PriorityName, Variables

if TYPE_CHECKING:
    from pulse_client import Template

Name = Annotated[str, typer.Argument(help="the template's name")]
MaybeName = Annotated[str, typer.Argument(help="the template's name; may stand in the file")]
File = Annotated[
    Path | None, typer.Option("--file", exists=True, dir_okay=False, help="the whole template, a JSON file")
]
Body = Annotated[str, typer.Option("--body", help="the text, Liquid; @PATH reads a file")]
Subject = Annotated[str, typer.Option("--subject", help="the subject or title")]
Html = Annotated[str, typer.Option("--html", help="the mail's HTML part; @PATH reads a file")]
Mjml = Annotated[bool, typer.Option("--mjml", help="the HTML part is MJML")]
Window = Annotated[
    dt.timedelta | None,
    typer.Option("--digest", parser=parse.length, metavar="LENGTH", help="make one of a user's within so long: 5m, 1d"),
]
Category = Annotated[
    str, typer.Option("--category", help="what recipients' preferences go by, and what they unsubscribe from")
]


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(help="Make, change, look at and try templates.", no_args_is_help=True)
    for name, command in (
        ("create", create),
        ("update", update),
        ("get", get),
        ("list", list_),
        ("delete", delete),
        ("preview", preview),
    ):
        tree.command(name)(command)
    return tree


def create(
    name: MaybeName = "",
    file: File = None,
    channel: ChannelName = "",
    subject: Subject = "",
    body: Body = "",
    html: Html = "",
    mjml: Mjml = False,
    priority: PriorityName = "",
    category: Category = "",
    digest: Window = None,
    locale: Locale = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Make a template, from options or a file."""
    template = _given(
        name,
        file,
        channel=channel,
        subject=subject,
        body=body,
        html=html,
        mjml=mjml,
        priority=priority,
        category=category,
        digest_window=digest,
        locale=locale,
    )
    from services.cli.connect import gateway

    with gateway(address) as client:
        _show(client.create_template(template), json)


def update(
    name: MaybeName = "",
    file: File = None,
    channel: ChannelName = "",
    subject: Subject = "",
    body: Body = "",
    html: Html = "",
    mjml: Mjml = False,
    priority: PriorityName = "",
    category: Category = "",
    digest: Window = None,
    locale: Locale = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Make a template's next version: the whole of it, from options or a file.

    What a newer Pulse says of it, and this command does not know, stays as it is.
    """
    template = _given(
        name,
        file,
        channel=channel,
        subject=subject,
        body=body,
        html=html,
        mjml=mjml,
        priority=priority,
        category=category,
        digest_window=digest,
        locale=locale,
    )
    from services.cli.connect import gateway

    with gateway(address) as client:
        _show(client.update_template(template.keeping(client.get_template(template.name))), json)


def get(
    name: Name,
    version: Annotated[int, typer.Option("--version", min=0, help="0: the newest")] = 0,
    json: Json = False,
    address: Address = "",
) -> None:
    """Show a template; with --json in the form that --file takes."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        template = client.get_template(name, version)
    if json:
        output.print_json(template)
        return
    output.print_fields(
        {
            "name": template.name,
            "version": template.version,
            "channel": template.channel,
            "priority": template.priority,
            "category": template.category,
            "digest": template.digest_window,
            "locale": template.default_locale,
            "variables": ", ".join(template.variables),
            "fragments": ", ".join(f"{one.name} {one.version}" for one in template.fragments) or None,
        }
    )
    for content in template.contents:
        print()
        output.print_fields({"channel": content.channel, "locale": content.locale, "subject": content.subject})
        print(content.body)


def list_(channel: ChannelName = "", json: Json = False, address: Address = "") -> None:
    """List templates by name."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        templates = list(client.list_templates(channel))
    if json:
        output.print_json(templates)
        return
    output.print_table(
        ("NAME", "VERSION", "CHANNEL", "PRIORITY", "VARIABLES", "CHANGED"),
        [(t.name, t.version, t.channel, t.priority, ", ".join(t.variables), t.update_time) for t in templates],
    )


def delete(name: Name, address: Address = "") -> None:
    """Take a template out of use; what was accepted is still sent."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        client.delete_template(name)
    output.say(f"{name} is out of use.")


def preview(
    name: Name,
    context: Context = "",
    var: Variables = [],  # noqa: B006  # typer makes a new list for each run
    version: Annotated[int, typer.Option("--version", min=0, help="0: the newest")] = 0,
    channel: ChannelName = "",
    locale: Locale = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Show what a recipient would see."""
    variables = parse.variables(context, var)
    from services.cli.connect import gateway

    with gateway(address) as client:
        shown = client.preview_template(name, variables, version=version, channel=channel, locale=locale)
    if json:
        output.print_json(shown)
        return
    output.print_fields(
        {
            "subject": shown.subject,
            "locale": shown.locale,
            "sms segments": shown.sms_segments or None,
            "missing strings": ", ".join(shown.missing_strings) or None,
            "missing fragments": ", ".join(shown.missing_fragments) or None,
            "warnings": "; ".join(shown.warnings) or None,
        }
    )
    print(shown.body)


def _show(template: Template, json: bool) -> None:
    if json:
        output.print_json(template)
    else:
        output.say(f"{template.name} is at version {template.version}.")


def _given(name: str, file: Path | None, digest_window: dt.timedelta | None, mjml: bool, **options: str) -> Template:
    """The template out of options or a file; a file is whole, so options beside it would be lost."""
    from services.cli import template_file

    if file:
        if digest_window or mjml or any(options.values()):
            raise typer.BadParameter("--file holds the whole template; leave the other options away")
        return template_file.read(file, name)
    content = {
        "subject": options["subject"],
        "body": parse.text_or_file(options["body"]),
        "html_body": parse.text_or_file(options["html"]),
        "mjml": mjml,
    }
    fields = {
        "name": name,
        "channel": options["channel"],
        "priority": options["priority"],
        "category": options["category"],
        "digest_window": digest_window.total_seconds() if digest_window else None,
        "default_locale": options["locale"],
        "contents": [content],
    }
    return template_file.template(fields)
