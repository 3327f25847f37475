"""A call's data: JSON texts with ghz's templates in them, filled in anew for each call."""

from __future__ import annotations

import json
import random
import re
import string
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from proof.load.ghz.values import BadConfig

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_ALPHABET = string.ascii_letters + string.digits
#: ghz's lengths when none is given.
SHORTEST, LONGEST = 2, 16


@dataclass(frozen=True)
class Call:
    """What a template can say about its call. ``method`` is the full name, dots and all."""

    number: int  # from 0
    worker: str
    method: str = ""
    input: str = ""
    output: str = ""


#: Gives the text that stands for a template's action in one call.
Fill = Callable[[Call], str]

FIELDS: Mapping[str, Fill] = {
    "WorkerID": lambda call: call.worker,
    "RequestNumber": lambda call: str(call.number),
    "FullyQualifiedName": lambda call: call.method,
    "MethodName": lambda call: call.method.rpartition(".")[2],
    "ServiceName": lambda call: call.method.split(".")[-2] if "." in call.method else "",
    "InputName": lambda call: call.input,
    "OutputName": lambda call: call.output,
    "Timestamp": lambda _: datetime.now(UTC).isoformat(timespec="seconds"),
    "TimestampUnix": lambda _: str(int(time.time())),
    "TimestampUnixMilli": lambda _: str(time.time_ns() // 1_000_000),
    "TimestampUnixNano": lambda _: str(time.time_ns()),
    "UUID": lambda _: str(uuid.uuid4()),
}


class Template:
    """One text, taken apart once."""

    def __init__(self, text: str) -> None:
        """Raises :class:`BadConfig` for an action that is unknown."""
        self._parts: list[str | Fill] = []
        last = 0
        for found in _ACTION.finditer(text):
            self._parts += [text[last : found.start()], _action(found[1])]
            last = found.end()
        self._parts.append(text[last:])

    def fill(self, call: Call) -> str:
        """The text for one call."""
        return "".join(part if isinstance(part, str) else part(call) for part in self._parts)


class Data:
    """The data of all calls: one object for each, or several in turn."""

    def __init__(self, given: Sequence[Mapping[str, Any]]) -> None:
        self._templates = [Template(json.dumps(one, ensure_ascii=False)) for one in given]

    def text(self, call: Call) -> str:
        """The JSON for one call."""
        return self._templates[call.number % len(self._templates)].fill(call)


def _action(text: str) -> Fill:
    name, *arguments = text.split() or [""]
    if name.startswith(".") and name[1:] in FIELDS and not arguments:
        return FIELDS[name[1:]]
    if name == "newUUID" and not arguments:
        return lambda _: str(uuid.uuid4())
    if name == "randomString" and len(arguments) <= 1:
        return _random_string(_number(arguments[0]) if arguments else 0)
    if name == "randomInt" and len(arguments) in (0, 2):
        low, high = map(_number, arguments or ("0", "1000"))
        if low >= high:
            raise BadConfig(f"data: {{{{{text}}}}} has no numbers between its bounds")
        return lambda _: str(random.randrange(low, high))
    raise BadConfig(f"data: {{{{{text}}}}} is no template that is known here")


def _random_string(length: int) -> Fill:
    def fill(_: Call) -> str:
        return "".join(random.choices(_ALPHABET, k=length if length > 0 else random.randint(SHORTEST, LONGEST)))

    return fill


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadConfig(f"data: {text!r} in a template is no whole number") from None
