"""What stands in Celery's queues, taken out as a worker would take it."""

from __future__ import annotations

from typing import Any, Self

from shared.broker import DELIVER_TASK, QUEUES, celery_app, decode_refs
from shared.refs import Ref


class Queues:
    """A consumer with Celery's own connection."""

    def __init__(self, broker_url: str) -> None:
        self._app = celery_app(broker_url)
        self._connection = self._app.connection_for_read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.release()

    def take(self, lane: str, most: int = 10_000) -> list[list[Ref]]:
        """Takes up to ``most`` tasks off the lane's queue; the refs of each."""
        tasks: list[list[Ref]] = []
        with self._connection.SimpleQueue(self._app.amqp.queues[QUEUES[lane]]) as queue:
            while len(tasks) < most:
                try:
                    task: Any = queue.get_nowait()
                except queue.Empty:
                    break
                assert task.headers["task"] == DELIVER_TASK
                (refs,), _kwargs, _embed = task.payload
                tasks.append(decode_refs(refs))
                task.ack()
        return tasks

    def ids(self, lane: str) -> list[str]:
        """The notification ids in all tasks of the lane's queue, taken off it."""
        return [notification_id for refs in self.take(lane) for _tenant, notification_id in refs]
