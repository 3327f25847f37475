"""What libraries log: kept as far as it is their own words, without the values that they put into them.

A library's message may hold anything that passed through it: a recipient, a template's context, a whole request.
"""

from __future__ import annotations

import linecache
import logging
import re
from collections.abc import Mapping
from typing import Any

from shared.observe.tracebacks import kind

#: In place of a value, and of a text that is not known to be the library's own.
WITHHELD = "[withheld]"
#: Loggers whose values are Pulse's own: names of migrations.
_OF_OURS = ("alembic",)
#: A call's literal text stands within so many lines from where the call begins.
_LINES_OF_A_CALL = 6
#: Ends the words with which asyncio begins a complaint; what follows is a value's representation.
_VALUE = re.compile(r"[<(\[{'\":\n]")


def own_words(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """structlog processor: a library's record without values; says which library it was, and where in it."""
    record: logging.LogRecord = event["_record"]
    arguments = event.pop("positional_args", ())
    event["event"] = _words(record, arguments)
    return {**event, "logger": record.name, "at": f"{record.pathname}:{record.lineno}"}


def _words(record: logging.LogRecord, arguments: Any) -> str:
    text = str(record.msg)
    if record.name.startswith(_OF_OURS):
        return _filled(text, arguments)
    if arguments:
        return _filled(text, _harmless(arguments))
    if record.name == "asyncio":
        return _VALUE.split(text, maxsplit=1)[0].strip()
    return text if isinstance(record.msg, str) and _is_literal(text, record) else WITHHELD


def _filled(text: str, arguments: Any) -> str:
    try:
        return text % arguments if arguments else text
    except (TypeError, ValueError, KeyError):
        return text


def _harmless(arguments: Any) -> Any:
    if isinstance(arguments, Mapping):
        return {name: _told(value) for name, value in arguments.items()}
    return tuple(map(_told, arguments))


def _told(value: Any) -> Any:
    """Numbers as they are; of exceptions and classes their names."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseException):
        return kind(value)
    return value.__qualname__ if isinstance(value, type) else WITHHELD


def _is_literal(text: str, record: logging.LogRecord) -> bool:
    """Whether ``text`` stands in the source as it is, where it was logged: then no value went into it."""
    begin = max(record.lineno - 1, 0)
    source = "".join(linecache.getlines(record.pathname)[begin : begin + _LINES_OF_A_CALL])
    return bool(text) and text in source
