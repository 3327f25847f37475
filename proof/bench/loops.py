"""A bare loop of calls from several threads: what the floors of deliveries are made of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

#: Makes one call; is told its number.
Send = Callable[[int], None]


def rate(senders: Sequence[Send], count: int) -> float:
    """Calls a second, of ``count`` by all senders, each in a thread of its own."""
    waiting = iter(range(count))
    lock = threading.Lock()

    def work(send: Send) -> None:
        while True:
            with lock:
                number = next(waiting, None)
            if number is None:
                return
            send(number)

    threads = [threading.Thread(target=work, args=(send,)) for send in senders]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count / (time.perf_counter() - began)
