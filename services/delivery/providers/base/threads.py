"""Work that blocks, in threads of its own: whoever waits for it can go on without, and a process can end."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")


class TooManyHang(Exception):
    """As many threads are at work as may be: what they ask, a name server say, is silent; or as the machine bears."""


def _forget(_: object) -> None:
    """For what needs no closing."""


class Threads:
    """Threads of one event loop, ``most`` at once; each lives as long as its work.

    Not the loop's own pool: that waits for its threads when the process ends, and whoever shares it would wait as well.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.at_work = 0

    async def run(self, work: Callable[[], Made], discard: Callable[[Made], None] = _forget) -> Made:
        """What ``work`` gives or raises; it knows the call that the caller is in. Raises :class:`TooManyHang`.

        What nobody waits for any more when it is done goes to ``discard``.
        """
        if self.at_work >= self._most:
            raise TooManyHang
        loop = asyncio.get_running_loop()
        made: asyncio.Future[Made] = loop.create_future()

        def end(result: Made | None, error: Exception | None) -> None:
            self.at_work -= 1
            if error is not None:
                if not made.done():
                    made.set_exception(error)
            elif made.done():
                discard(result)  # type: ignore[arg-type]  # there is no error, so it is what was made
            else:
                made.set_result(result)  # type: ignore[arg-type]

        def at_work() -> None:
            result, error = None, None
            try:
                result = work()
            except Exception as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(end, result, error)

        context = contextvars.copy_context()
        try:
            threading.Thread(target=context.run, args=(at_work,), name="provider", daemon=True).start()
        except RuntimeError:  # the machine has no room for another
            raise TooManyHang from None
        self.at_work += 1
        return await made
