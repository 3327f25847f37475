"""A template out of JSON: the shape in which REST takes it and ``pulse template get --json`` prints it."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from pulse_client import Channel, Priority, Template, TemplateContent
from pulse_client.template import CONTENT_TEXTS, TEXTS, check_unknown, said_of
from pulse_client.wire import SAID
from services.cli import parse

#: What Pulse adds to a template by itself.
ANSWERED = ("version", "variables", "create_time", "update_time", "fragments")


def read(path: Path, name: str) -> Template:
    """The template in a file; ``name``, if given, is stronger than the file's."""
    fields = parse.json_object(parse.read_text(path), str(path))
    return template({**fields, "name": name or fields.get("name", "")})


def template(fields: Mapping[str, Any]) -> Template:
    """From a JSON object; BadParameter names what it lacks or has too much."""
    others = (*ANSWERED, "contents", "digest_window", "unknown")
    known: dict[str, Any] = _texts(fields, ("channel", "priority", *TEXTS), others)
    contents = fields.get("contents")
    if not known["name"] or not known["channel"] or not isinstance(contents, list):
        raise typer.BadParameter("a template needs a name, a channel and a body")
    made = Template(
        channel=Channel(parse.channel(known.pop("channel"))),
        contents=tuple(_content(content) for content in contents),
        priority=Priority(parse.priority(known.pop("priority")) or "UNSPECIFIED"),
        **known,
        digest_window=_window(fields.get("digest_window")),
        unknown=_unknown(fields),
    )
    try:
        check_unknown(made)
        for content in made.contents:
            said_of(content)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return made


def _unknown(fields: Mapping[str, Any]) -> bytes:
    """What a newer Pulse said besides, as --json prints it."""
    try:
        return base64.b64decode(fields.get("unknown", ""), validate=True)
    except (ValueError, TypeError):
        raise typer.BadParameter("unknown must be as --json printed it") from None


def _window(given: Any) -> dt.timedelta | None:
    """As REST writes it, "300s", or as --json prints it, 300.0."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float, str)):
        raise typer.BadParameter("digest_window must be a length of time")
    try:
        return parse.length(given) if isinstance(given, str) else dt.timedelta(seconds=given)
    except OverflowError:
        raise typer.BadParameter("digest_window is too large") from None


def _content(fields: Any) -> TemplateContent:
    if not isinstance(fields, dict):
        raise typer.BadParameter("each of a template's contents must be a JSON object")
    known: dict[str, Any] = _texts(fields, ("channel", *CONTENT_TEXTS), ("strings", "mjml", "unknown", *SAID))
    if not isinstance(fields.get("mjml", False), bool):
        raise typer.BadParameter("mjml must be true or false")
    strings = fields.get("strings") or {}
    if not isinstance(strings, dict) or not all(isinstance(words, str) for words in strings.values()):
        raise typer.BadParameter("strings must be a JSON object of texts")
    said: dict[str, Any] = {name: fields.get(name) or {} for name in SAID}
    for name, given in said.items():
        if not isinstance(given, dict):
            raise typer.BadParameter(f"{name} must be a JSON object")
    if not (known["body"] or known["html_body"] or strings):
        raise typer.BadParameter("a template needs a body")
    channel = Channel(parse.channel(known.pop("channel")) or "UNSPECIFIED")
    mjml = fields.get("mjml", False)
    return TemplateContent(channel=channel, strings=strings, mjml=mjml, unknown=_unknown(fields), **known, **said)


def _texts(fields: Mapping[str, Any], names: tuple[str, ...], others: tuple[str, ...] = ()) -> dict[str, str]:
    """The text fields, empty where they are left out; anything unknown is a typing error and is named."""
    unknown = fields.keys() - set(names) - set(others)
    if unknown:
        raise typer.BadParameter(f"a template has no field {', '.join(sorted(unknown))}")
    for name in names:
        if not isinstance(fields.get(name, ""), str):
            raise typer.BadParameter(f"{name} must be text")
    return {name: fields.get(name, "") for name in names}
