"""One watch: what it is of, what may wake it, and what may end it."""

from __future__ import annotations

import asyncio

from services.gateway.door.headers import Headers
from shared.errors import PulseError

#: Tenant and notification.
Ref = tuple[str, str]


class Watch:
    """One caller's stream of one notification's events. There are thousands of them, so each is small."""

    __slots__ = ("_error", "_task", "_waiter", "_woken", "began", "headers", "is_followed", "ref")

    def __init__(self, ref: Ref, headers: Headers, began: float) -> None:
        self.ref = ref
        #: What its caller said: the credential is looked at again from time to time.
        self.headers = headers
        #: On the monotonic clock, s.
        self.began = began
        #: Whether the ledger tells of what is new.
        self.is_followed = False
        self._task = asyncio.current_task()
        self._error: PulseError | None = None
        self._woken = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_ended(self) -> bool:
        """Whether it was told to end."""
        return self._error is not None

    def wake(self) -> None:
        """There is something new."""
        self._woken = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self, error: PulseError) -> None:
        """It is to end, for this reason: the first counts."""
        self._error = self._error or error
        self.wake()

    def check(self) -> None:
        """Raises the reason why it is to end."""
        if self._error is not None:
            raise self._error

    async def wait(self) -> None:
        """Returns when there may be something new since the last time; raises the reason why it is to end."""
        if not self._woken:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._woken = False
        self.check()

    async def pause(self, seconds: float) -> None:
        """Returns after so long, or when there is something new; raises the reason why it is to end."""
        alarm = asyncio.get_running_loop().call_later(seconds, self.wake)
        try:
            await self.wait()
        finally:
            alarm.cancel()

    def cut_off(self) -> None:
        """Ends its caller's call, whatever that waits for."""
        if self._task is not None:
            self._task.cancel()
