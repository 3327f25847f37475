"""One row of a batch file, and the request it stands for."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import typer

from pulse_client import Channel, Fallback, Priority, Request
from pulse_client.enums import DeliveryGuarantee, parse
from pulse_client.request import build
from services.cli.parse import length
from shared.channel.table import needs_address
from shared.text.error_bounds import fit

#: A request's fields, by what they hold.
TEXTS = (
    "user_id",
    "to",
    "template_name",
    "channel",
    "idempotency_key",
    "priority",
    "locale",
    "subject",
    "delivery_guarantee",
    "ttl",
)
TIMES = ("send_at", "expires_at")
BOOLEANS = ("validate_only",)
OBJECTS = ("context", "metadata")
LISTS = ("fallbacks",)
REQUIRED = ("user_id", "to", "template_name")
FALLBACK_TEXTS = ("channel", "to", "after")
#: What an errors file adds to a row: ignored, so that such a file can be sent again as it is.
ERROR = "error"

#: A problem may quote the row, bytes.
LONGEST_PROBLEM = 300
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_HALF = re.compile("[\ud800-\udfff]")


class BadRow(Exception):
    """A row that cannot be a request; the text says why."""


@dataclass
class Row:
    """A row as a JSON object (``record``) and as a ``request``; ``problem`` says why there is none."""

    number: int
    record: dict[str, Any]
    request: Request | None = field(default=None)
    problem: str = ""


def make_row(number: int, record: Mapping[str, Any], defaults: Mapping[str, str], key: str) -> Row:
    """Fills in what the row leaves out, or says is empty or null; ``key`` is for rows without an idempotency key."""
    given = {name: value for name, value in record.items() if value not in ("", None) and name != ERROR}
    filled = {**defaults, "idempotency_key": key, **given}
    try:
        return Row(number, filled, _request(filled))
    except (BadRow, ValueError, TypeError, typer.BadParameter) as problem:
        return Row(number, filled, problem=fit(str(problem), LONGEST_PROBLEM))


def bad_row(number: int, record: Mapping[str, Any], problem: str) -> Row:
    """A row that could not even be read."""
    return Row(number, dict(record), problem=problem)


def _request(record: Mapping[str, Any]) -> Request:
    _check_fields(record, (*TEXTS, *TIMES, *BOOLEANS, *OBJECTS, *LISTS), "there is no field")
    missing = [name for name in REQUIRED if not record.get(name) and not (name == "to" and _needs_no_address(record))]
    if missing:
        raise BadRow(f"{', '.join(missing)} is missing")
    for names, kind, word in _KINDS:
        for name in names:
            if not isinstance(record.get(name, kind()), kind):
                raise BadRow(f"{name} must be {word}")
    for path in _halves(record, ""):
        raise BadRow(f"{path} holds half of a character (a lone surrogate)")
    request = Request(
        user_id=record["user_id"],
        template=record["template_name"],
        to=record.get("to", ""),
        context=record.get("context", {}),
        channel=parse(Channel, record["channel"]) if "channel" in record else None,
        idempotency_key=record["idempotency_key"],
        priority=parse(Priority, record["priority"]) if "priority" in record else None,
        locale=record.get("locale"),
        subject=record.get("subject"),
        metadata=_labels(record),
        send_at=_moment(record, "send_at"),
        expires_at=_moment(record, "expires_at"),
        ttl=_length(record["ttl"]) if "ttl" in record else None,
        fallbacks=[_fallback(n, each) for n, each in enumerate(record.get("fallbacks", ()))],
        at_most_once=_guarantee(record) is DeliveryGuarantee.AT_MOST_ONCE,
        validate_only=_truth(record, "validate_only"),
    )
    build(**request)  # what cannot be sent is told of this row, and stops no other
    return request


#: Names of fields, what they hold in Python, and in a sentence.
_KINDS: tuple[tuple[tuple[str, ...], Any, str], ...] = (
    (TEXTS, str, "text"),
    (TIMES, str, "text"),
    (OBJECTS, dict, "an object"),
    (LISTS, list, "a list"),
)


def _check_fields(given: Mapping[str, Any], known: tuple[str, ...], sentence: str) -> None:
    unknown = given.keys() - set(known)
    if unknown:
        raise BadRow(f"{sentence} {', '.join(sorted(map(repr, unknown)))}")


def _needs_no_address(record: Mapping[str, Any]) -> bool:
    """Of some channels the user's devices stand for it; where the template says the channel, the gateway decides."""
    return "channel" not in record or not needs_address(str(record["channel"]))


def _halves(value: Any, path: str) -> Iterator[str]:
    """Paths of texts and names that no encoding can hold."""
    if isinstance(value, str) and _HALF.search(value):
        yield path
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if _HALF.search(name):
                yield f"a name in {path or 'the row'}"
            yield from _halves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _halves(inner, f"{path}[{n}]")


def _labels(record: Mapping[str, Any]) -> dict[str, str]:
    labels = record.get("metadata", {})
    if not all(isinstance(value, str) for value in labels.values()):
        raise BadRow("metadata must hold text alone")
    return dict(labels)


def _fallback(n: int, given: Any) -> Fallback:
    if not isinstance(given, dict):
        raise BadRow(f"fallbacks[{n}] must be an object")
    _check_fields(given, FALLBACK_TEXTS, f"fallbacks[{n}] has no field")
    for name, value in given.items():
        if not isinstance(value, str):
            raise BadRow(f"fallbacks[{n}].{name} must be text")
    if not given.get("channel"):
        raise BadRow(f"fallbacks[{n}].channel is missing")
    after = _length(given["after"]) if given.get("after") else None
    return Fallback(parse(Channel, given["channel"]), given.get("to", ""), after)


def _guarantee(record: Mapping[str, Any]) -> DeliveryGuarantee:
    return parse(DeliveryGuarantee, record.get("delivery_guarantee", DeliveryGuarantee.UNSPECIFIED))


def _truth(record: Mapping[str, Any], name: str) -> bool:
    """As JSON says it, or as a cell does."""
    given = record.get(name, False)
    truth = {"true": True, "false": False}.get(given.lower()) if isinstance(given, str) else given
    if not isinstance(truth, bool):
        raise BadRow(f"{name} must be true or false")
    return truth


def _length(text: str) -> dt.timedelta:
    """As REST writes it, "1.5s", or as the command's options do, "1h30m"."""
    seconds = _SECONDS.fullmatch(text)
    return dt.timedelta(seconds=float(seconds[1])) if seconds else length(text)


def _moment(record: Mapping[str, Any], name: str) -> dt.datetime | None:
    if name not in record:
        return None
    try:
        moment = dt.datetime.fromisoformat(record[name])
        if moment.tzinfo is None:
            raise BadRow(f"{name} has no time zone; write 2026-12-01T09:00Z or 2026-12-01T09:00+01:00")
        return moment.astimezone(dt.UTC)
    except ValueError:
        raise BadRow(f"{name} is no time; write 2026-12-01T09:00Z") from None
    except OverflowError:
        raise BadRow(f"{name} lies outside the years 1 to 9999 in UTC") from None
