"""One row of a batch file, and the request it stands for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pulse_client import Channel, Priority, Request
from pulse_client.enums import parse

TEXTS = ("user_id", "to", "template_name", "channel", "idempotency_key", "priority", "locale", "subject")
OBJECTS = ("context", "metadata")
TIMES = ("send_at", "expires_at")
REQUIRED = ("user_id", "to", "template_name")
#: What an errors file adds to a row: ignored, so that such a file can be sent again as it is.
ERROR = "error"


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
    """Fills in what the row leaves out; ``key`` is for rows without an idempotency key."""
    filled = {**defaults, "idempotency_key": key, **{name: value for name, value in record.items() if value != ""}}
    filled.pop(ERROR, None)
    try:
        return Row(number, filled, _request(filled))
    except (BadRow, ValueError) as problem:
        return Row(number, filled, problem=str(problem))


def bad_row(number: int, record: Mapping[str, Any], problem: str) -> Row:
    """A row that could not even be read."""
    return Row(number, dict(record), problem=problem)


def _request(record: Mapping[str, Any]) -> Request:
    unknown = record.keys() - {*TEXTS, *OBJECTS, *TIMES}
    if unknown:
        raise BadRow(f"there is no field {', '.join(sorted(map(repr, unknown)))}")
    missing = [name for name in REQUIRED if not record.get(name)]
    if missing:
        raise BadRow(f"{', '.join(missing)} is missing")
    for names, kind, word in ((TEXTS, str, "text"), (TIMES, str, "text"), (OBJECTS, dict, "an object")):
        for name in names:
            if not isinstance(record.get(name, kind()), kind):
                raise BadRow(f"{name} must be {word}")
    return Request(
        user_id=record["user_id"],
        template=record["template_name"],
        to=record["to"],
        context=record.get("context", {}),
        channel=parse(Channel, record["channel"]) if "channel" in record else None,
        idempotency_key=record["idempotency_key"],
        priority=parse(Priority, record["priority"]) if "priority" in record else None,
        locale=record.get("locale"),
        subject=record.get("subject"),
        metadata=_labels(record),
        send_at=_moment(record, "send_at"),
        expires_at=_moment(record, "expires_at"),
    )


def _labels(record: Mapping[str, Any]) -> dict[str, str]:
    labels = record.get("metadata", {})
    if not all(isinstance(value, str) for value in labels.values()):
        raise BadRow("metadata must hold text alone")
    return dict(labels)


def _moment(record: Mapping[str, Any], name: str) -> dt.datetime | None:
    if name not in record:
        return None
    try:
        moment = dt.datetime.fromisoformat(record[name])
    except ValueError:
        raise BadRow(f"{name} is no time; write 2026-12-01T09:00Z") from None
    if moment.tzinfo is None:
        raise BadRow(f"{name} has no time zone")
    return moment
