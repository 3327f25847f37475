"""kombu's Redis transport, less its habit of ending the worker at the first entry of a queue that is no JSON."""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from kombu.transport.virtual import Empty

from shared.logs import logger

log = logger(__name__)


class TolerantChannel(redis.Channel):
    """Drops what cannot be read; it has left the queue already."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, KeyError) as error:
            log.error("task dropped", why="no message of Celery's", kind=type(error).__name__)
            raise Empty from None


class TolerantTransport(redis.Transport):
    """Redis, with channels that tolerate garbage."""

    Channel = TolerantChannel
