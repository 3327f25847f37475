"""Celery's consumer, less three habits: logging what it cannot use, waiting ever longer for a lost broker, and asking
one that refuses again and again without a pause.
"""

from __future__ import annotations

import math
import time
from typing import Any

from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

from shared.broker_errors import reason
from shared.observe.logs import logger

#: Between two tries to reach the broker, s; the second at the most. Celery's own waits grow to 30 s, far longer than
#: what a broker that is back may be kept waiting for.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 2.0

log = logger(__name__)


class WorkerConsumer(Consumer):  # type: ignore[misc]  # celery has no types
    """Drops what it cannot use and says no more than that, as it may hold anything; seeks the broker for ever."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]  # celery has no types
        """Without the queues and exchanges by which Celery delays tasks on quorum queues: Pulse delays none."""

        default_steps = [step for step in Consumer.Blueprint.default_steps if not step.endswith(":DelayedDelivery")]  # noqa: RUF012

        def info(self, parent: Any) -> dict[str, Any]:
            """What monitors may know: not how the broker is connected to, as the Sentinels' password is part of it."""
            told: dict[str, Any] = super().info(parent)
            if isinstance(broker := told.get("broker"), dict):
                broker.pop("transport_options", None)
            return told

    _lost_at = -math.inf
    _lost_because = ""

    def ensure_connected(self, conn: Any) -> Any:
        """Returns ``conn`` once it is connected; ends early if the worker is told to stop."""
        connected = conn.ensure_connection(
            self._on_no_connection,
            max_retries=None,
            interval_start=FIRST_PAUSE,
            interval_step=FIRST_PAUSE,
            interval_max=LONGEST_PAUSE,
            callback=maybe_shutdown,
        )
        self.first_connection_attempt = False
        return connected

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        self._lost(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        super().on_connection_error_after_connected(exc)
        self._lost(exc)

    def on_unknown_message(self, _body: Any, message: Any) -> None:
        self._drop("not a task", message)

    def on_unknown_task(self, _body: Any, message: Any, _exc: Exception) -> None:
        self._drop("unknown task", message)

    def on_invalid_task(self, _body: Any, message: Any, _exc: Exception) -> None:
        self._drop("invalid task", message)

    def on_decode_error(self, message: Any, _exc: Exception) -> None:
        self._drop("undecodable task", message)

    def _on_no_connection(self, error: Exception, pause: float) -> None:
        log.warning("broker not reached", why=reason(error), again_in_seconds=pause)

    def _lost(self, error: Exception) -> None:
        """Says why, once for as long as it is the same; a broker that is lost again soon is given time."""
        why, again = reason(error), time.monotonic() - self._lost_at < LONGEST_PAUSE
        if not again or why != self._lost_because:
            log.warning("broker lost", why=why)
        if again:
            time.sleep(FIRST_PAUSE)
        self._lost_at, self._lost_because = time.monotonic(), why

    def _drop(self, why: str, message: Any) -> None:
        log.error("task dropped", why=why, size=len(message.body or b""))
        message.reject_log_error(log, self.connection_errors)
