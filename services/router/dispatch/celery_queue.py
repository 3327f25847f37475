"""One lane's queue in Celery's broker. Calls block: they belong in a thread of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import kombu.exceptions
from celery import Celery

from shared.broker import DELIVER_TASK, TRACES_HEADER, encode_refs
from shared.broker_errors import reason
from shared.refs import Ref, Traces

#: Longest wait for a broker to say goodbye, s.
_CLOSE = 1.0
#: A lost broker is found out at once, a hung one in seconds; the publisher decides when to try again. The last two
#: are amqp's, which without them waits for ever.
_BOUNDS = {
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
    "read_timeout": 2.0,
    "write_timeout": 2.0,
}

Result = TypeVar("Result")


class BrokerUnavailableError(Exception):
    """The broker could not be reached or did not answer within its time-outs."""


class CeleryQueue:
    """Publishes wake-ups to one queue and tells how many wait there. For one thread."""

    def __init__(self, app: Celery, queue: str) -> None:
        self._app = app
        self._queue = queue
        self._connection: Any = None

    def publish(self, refs: Sequence[Ref], traces: Traces) -> int:
        """Publishes one task that carries ``refs``; returns their number; raises :class:`BrokerUnavailableError`."""
        self._reached(lambda: self._send(encode_refs(refs), {TRACES_HEADER: traces} if traces else {}))
        return len(refs)

    def depth(self) -> int:
        """Tasks that no worker has taken yet; raises :class:`BrokerUnavailableError`."""
        return self._reached(self._count)

    def close(self) -> None:
        """Closes the connection, without waiting for a broker that is gone."""
        if self._connection is not None:
            self._connection.collect(_CLOSE)
            self._connection = None

    def _send(self, refs: list[list[str]], headers: dict[str, Traces]) -> None:
        self._app.send_task(
            DELIVER_TASK,
            args=(refs,),
            queue=self._queue,
            producer=self._app.amqp.Producer(self._connection.default_channel, auto_declare=False),
            retry=False,
            ignore_result=True,
            # Celery would copy the arguments into the headers for its monitors: ids twice in each task.
            argsrepr=f"({len(refs)} notifications)",
            headers=headers,
            add_to_parent=False,
        )

    def _count(self) -> int:
        channel = self._connection.default_channel
        if self._connection.transport.driver_type == "redis":
            # A passive declaration would make a client and ask for each priority: a quarter of a busy router's time.
            return int(channel.client.llen(self._queue))
        try:
            return int(channel.queue_declare(queue=self._queue, passive=True).message_count)
        except kombu.exceptions.ChannelError as error:
            if str(error.reply_code) != "404":
                raise
            # Nobody has declared it yet, and amqp closes the channel on that.
            self.close()
            return 0

    def _reached(self, call: Callable[[], Result]) -> Result:
        """The call's answer; a connection that was lost while idle is renewed once."""
        fresh = self._connection is None
        try:
            return self._once(call)
        except BrokerUnavailableError:
            if fresh:
                raise
            return self._once(call)

    def _once(self, call: Callable[[], Result]) -> Result:
        try:
            if self._connection is None:
                self._connection = self._app.connection_for_write()
                # Each node of a cluster is tried once.
                tries = {"max_retries": max(1, len(self._connection.alt))}
                self._connection.transport_options = {**self._connection.transport_options, **_BOUNDS, **tries}
            return call()
        except Exception as error:
            # Drivers raise what they like; whatever it is, the broker did not do what it was asked for.
            self.close()
            raise BrokerUnavailableError(reason(error)) from error
