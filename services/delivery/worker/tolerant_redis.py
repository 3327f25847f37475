"""kombu's Redis transport, less its habits of ending the worker where the ledger has everything in hand anyway.

It ends it at an entry of a queue that is no message, at whatever the broker refuses (being a replica after a failover,
say, or out of memory), and when the connection breaks while tasks are unacknowledged and it cannot give them back.
None of that is worth a worker: what a task would have woken is handed out again by the ledger.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from kombu.transport.virtual import Empty

from shared.observe.logs import logger
from shared.sentinel_broker import SentinelChannel, SentinelTransport

log = logger(__name__)


class TolerantQoS(redis.QoS):
    """Gives unacknowledged tasks back if it can, and acknowledges none through a channel that is closed."""

    def ack(self, delivery_tag: str) -> None:
        if not self.channel.closed:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if not self.channel.closed:
            super().reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]

    def restore_unacked(self, client: Any = None) -> None:
        try:
            super().restore_unacked(client)  # type: ignore[no-untyped-call]
        except Exception as error:  # whatever a half-closed connection raises, kombu's own AttributeError among it
            log.warning("unacknowledged tasks not given back", count=len(self._delivered), kind=type(error).__name__)
            self._delivered.clear()


class TolerantChannel(redis.Channel):
    """Drops what cannot be read; it has left the queue already."""

    QoS = TolerantQoS
    _kept: tuple[Any, Any] | None = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        """kombu makes a client for each command; one serves a pool as long as that lives, at a fraction of the cost."""
        if asynchronous:
            return super()._create_client(asynchronous)  # type: ignore[no-untyped-call]
        if self._kept is None or self._kept[0] is not self.pool:
            self._kept = self.pool, super()._create_client()  # type: ignore[no-untyped-call]
        return self._kept[1]

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.error("task dropped", why="no message of Celery's", kind=type(error).__name__)
            raise Empty from None


class TolerantSentinelChannel(TolerantChannel, SentinelChannel):
    """The same, of a primary that Sentinels know."""


class TolerantTransport(redis.Transport):
    """Redis, with channels that tolerate garbage; one that refuses what it is asked counts as one that is away."""

    Channel = TolerantChannel
    connection_errors = (
        *redis.Transport.connection_errors,
        redis.exceptions.RedisError,  # type: ignore[attr-defined]  # not redis itself: its limits are the router's
    )


class TolerantSentinelTransport(SentinelTransport):
    """The same, of a primary that Sentinels know."""

    Channel = TolerantSentinelChannel
    connection_errors = TolerantTransport.connection_errors
