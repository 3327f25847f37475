"""The one task that workers know."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from celery import Celery, Task
from celery.exceptions import Reject

from services.delivery.rules.room import RoomClosed
from shared.broker import DELIVER_TASK, TRACES_HEADER, decode_refs, decode_traces
from shared.errors import PulseError
from shared.observe.logs import logger
from shared.refs import Ref, Traces

log = logger(__name__)


#: Takes refs, and the traces of those that are sampled.
Take = Callable[[Sequence[Ref], Traces], None]


def register(app: Celery, take: Take) -> None:
    """Makes ``app`` hand what it is woken for to ``take``, which returns once the ledger has leased it."""

    def deliver(task: Task, *args: object, **_: object) -> None:
        if not args or not isinstance(args[0], list):
            log.error("task dropped", why="its argument is no list")
            return
        refs = decode_refs(args[0])
        if len(refs) < len(args[0]):
            log.warning("refs dropped", why="not pairs of a tenant and a UUID", count=len(args[0]) - len(refs))
        try:
            take(refs, decode_traces(task.request.get(TRACES_HEADER)))
        except RoomClosed:
            raise Reject("the worker stops", requeue=True) from None
        except PulseError as error:
            # The ledger hands out again what nobody claims; another try of the same request would fail as this did.
            log.error("claim refused", reason=error.reason, refs=len(refs))

    app.task(name=DELIVER_TASK, ignore_result=True, bind=True)(deliver)
