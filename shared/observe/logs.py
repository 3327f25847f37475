"""Structured logs: one JSON object a line, on standard error, without personal data.

Callers log ids and reasons, never an address, a template's context or a rendered body; keys that
could hold one are blanked here as the second line of defence. Of exceptions, whoever caught them, kinds and places are
told and no words; of what libraries log, their own words and no values.
"""

from __future__ import annotations

import datetime as dt
import logging
import sys
import uuid
from pathlib import PurePath
from typing import Any

import structlog

from shared.observe import tracing, uncaught
from shared.observe.foreign_records import own_words
from shared.observe.tracebacks import kind, told

#: Field names whose values never reach a log, whatever the caller passes.
PERSONAL = frozenset(
    {"to", "recipient", "address", "context", "body", "subject", "html_body", "device_token", "payload"}
)


def blank_personal(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """structlog processor: replaces the value of every key in :data:`PERSONAL`."""
    for key in PERSONAL & event.keys():
        event[key] = "[redacted]"
    return event


def add_trace(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """structlog processor: the trace on whose behalf the current task works."""
    span = tracing.current()
    if span is not None and span.traceparent:
        event["trace_id"] = span.traceparent[3:35]
    return event


def without_words(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """structlog processor: ``exc_info`` becomes ``exception``, as :func:`shared.observe.tracebacks.told` tells it."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exception()
    elif isinstance(info, tuple):
        info = info[1]
    if isinstance(info, BaseException):
        event["exception"] = told(info)
    return event


def configure(role: str, level: str = "INFO", process: int | None = None) -> None:
    """Sets up structlog and the standard library's logging for one process, whatever writes to it.

    ``process`` is its number where it is one of several of its role.
    """
    whose = {"role": role} if process is None else {"role": role, "process": process}
    chain: list[Any] = [
        structlog.contextvars.merge_contextvars,
        add_trace,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        blank_personal,
        without_words,
    ]
    foreign: list[Any] = [own_words, *chain]
    structlog.configure(
        processors=[*chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=foreign,
            use_get_message=False,
            pass_foreign_args=True,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _l, _m, event: {**whose, **event},
                structlog.processors.JSONRenderer(sort_keys=False, default=_shown),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    uncaught.tell_all()


def logger(name: str) -> Any:
    """A structlog logger; ``name`` says which module speaks."""
    return structlog.stdlib.get_logger(name)


class _Handler(logging.StreamHandler[Any]):
    """Writes to standard error; a record that cannot be written is not printed beside the log instead."""

    def handleError(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f'{{"level": "error", "event": "a record could not be logged", "logger": "{record.name}"}}\n')


def _shown(value: Any) -> str:
    """What JSON has no form for: times, ids and paths as text, of all else the kind."""
    if isinstance(value, dt.date | dt.timedelta | uuid.UUID | PurePath):
        return str(value)
    return kind(value) if isinstance(value, BaseException) else type(value).__qualname__
