"""Structured logs: one JSON object a line, on standard error, without personal data.

Callers log ids and reasons, never an address, a template's context or a rendered body; keys that
could hold one are blanked here as the second line of defence.
"""

from __future__ import annotations

import logging
from typing import Any

import structlog

from shared import tracing

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


def configure(role: str, level: str = "INFO") -> None:
    """Sets up structlog and the standard library's logging for one process."""
    chain: list[Any] = [
        structlog.contextvars.merge_contextvars,
        add_trace,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        blank_personal,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _l, _m, event: {"role": role, **event},
                structlog.processors.JSONRenderer(sort_keys=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def logger(name: str) -> Any:
    """A structlog logger; ``name`` says which module speaks."""
    return structlog.stdlib.get_logger(name)
