"""What is typed, as values; a mistake ends the command with exit status 2 and a sentence."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from shared.strict_json import BadJson, loads

#: A longer one may lead from today out of the calendar.
LONGEST = dt.timedelta(days=36_525)
_LENGTH = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def channel(text: str) -> str:
    """A channel's name, in any case."""
    from pulse_client import Channel

    return _name(Channel, text)


def priority(text: str) -> str:
    """A priority's name, in any case."""
    from pulse_client import Priority

    return _name(Priority, text)


def device_kind(text: str) -> str:
    """A kind of device's name, in any case."""
    from pulse_client import DeviceKind

    return _name(DeviceKind, text)


def status(text: str) -> str:
    """A status' name, in any case."""
    from pulse_client import Status

    return _name(Status, text)


def limit_kind(text: str) -> str:
    """A limit's kind, in any case."""
    from pulse_client import LimitKind

    return _name(LimitKind, text)


def fallback(text: str) -> tuple[str, str, dt.timedelta | None]:
    """A channel, where to and how long the one before has: sms:+4915112345678@30s, push@10m, email:ann@example.org."""
    parts = re.fullmatch(r"(?P<channel>[a-zA-Z]+)(?::(?P<to>.+?))?(?:@(?P<after>[0-9dhms]+))?", text)
    if not parts:
        raise typer.BadParameter(f"{text!r} is no fallback; write sms:+4915112345678@30s")
    return channel(parts["channel"]), parts["to"] or "", length(parts["after"]) if parts["after"] else None


def moment(text: str) -> dt.datetime:
    """RFC 3339 with a zone, seconds may be left out; in UTC."""
    try:
        parsed = dt.datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            raise typer.BadParameter(f"{text!r} has no time zone; write {text}Z or {text}+01:00")
        return parsed.astimezone(dt.UTC)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write 2026-12-01T09:00Z") from None
    except OverflowError:
        raise typer.BadParameter(f"{text!r} lies outside the years 1 to 9999 in UTC") from None


def length(text: str) -> dt.timedelta:
    """Days, hours, minutes and seconds: 90s, 10m, 1h30m, 2d; 100 years at the most."""
    found = _LENGTH.fullmatch(text)
    if not text or not found:
        raise typer.BadParameter(f"{text!r} is no length of time; write 90s, 10m, 1h30m or 2d")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    with suppress(OverflowError):
        made = dt.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if made <= LONGEST:
            return made
    raise typer.BadParameter(f"{text!r} is too long: at most {LONGEST.days}d")


def variables(context: str, pairs: Iterable[str]) -> dict[str, Any]:
    """The template's variables out of ``--context`` and every ``--var``, which is the stronger."""
    given = json_object(context, "--context") if context else {}
    return {**given, **labels(pairs, "--var")}


def labels(pairs: Iterable[str], option: str) -> dict[str, str]:
    """NAME=TEXT, any number of them."""
    parsed: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{option} {pair!r}: write NAME=TEXT")
        if name in parsed:
            raise typer.BadParameter(f"{option} {name!r} is given twice")
        parsed[name] = text
    return parsed


def json_object(text: str, what: str) -> dict[str, Any]:
    """A JSON object; ``what`` names it in the sentence that says it is none."""
    try:
        value = loads(text)
    except BadJson as error:
        raise typer.BadParameter(f"{what} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{what} must be a JSON object")
    return value


def text_or_file(text: str) -> str:
    """The text itself, or behind an @ the path of a file that holds it."""
    return read_text(Path(text[1:])) if text.startswith("@") else text


def read_text(path: Path) -> str:
    """A file's text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not UTF-8 text") from None


def _name(kind: type[StrEnum], text: str) -> str:
    from pulse_client.enums import parse

    try:
        return parse(kind, text) if text else ""
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
