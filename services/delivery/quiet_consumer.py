"""Celery's consumer, less its habit of writing what it cannot use into the log: that may hold anything."""

from __future__ import annotations

from typing import Any

from celery.worker.consumer import Consumer

from shared.logs import logger

log = logger(__name__)


class QuietConsumer(Consumer):  # type: ignore[misc]  # celery has no types
    """Drops what it cannot use, and says no more than that."""

    def on_unknown_message(self, _body: Any, message: Any) -> None:
        self._drop("not a task", message)

    def on_unknown_task(self, _body: Any, message: Any, _exc: Exception) -> None:
        self._drop("unknown task", message)

    def on_invalid_task(self, _body: Any, message: Any, _exc: Exception) -> None:
        self._drop("invalid task", message)

    def on_decode_error(self, message: Any, _exc: Exception) -> None:
        self._drop("undecodable task", message)

    def _drop(self, why: str, message: Any) -> None:
        log.error("task dropped", why=why, size=len(message.body or b""))
        message.reject_log_error(log, self.connection_errors)
