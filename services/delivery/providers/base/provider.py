"""What every provider is: it builds a message, and then calls with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from services.delivery.providers.base.call import Call, calling
from services.delivery.providers.base.threads import TooManyHang
from services.delivery.rules.provider import Outcome, Outgoing, released, unbuildable

#: What a provider is called with.
Message = TypeVar("Message")

#: How long a call waits for which there was no thread, s: those who hold them may have come back by then.
_PAUSE_SECONDS = 5.0


class CallingProvider(ABC, Generic[Message]):
    """As :class:`services.delivery.rules.provider.Provider`; for one event loop.

    What goes wrong while the message is built, or before a byte of it has gone out, is the notification's own fault: it
    fails for good, and says nothing about the provider.
    """

    name: str
    channel: str
    concurrency: int

    @abstractmethod
    def build(self, outgoing: Outgoing) -> Message | Outcome:
        """All that can be done without the provider; an outcome if the notification cannot be sent. Calls nobody."""

    @abstractmethod
    async def call(self, message: Message, call: Call) -> Outcome:
        """Calls the provider once, within the call's time; returns how that ended."""

    @abstractmethod
    async def close(self) -> None:
        """Closes what is open; no call is under way."""

    async def send(self, outgoing: Outgoing, deadline: float) -> Outcome:
        """One notification, until ``deadline`` (of ``time.monotonic()``) at the latest.

        Raises only what breaks a call at a point where it may have been heard.
        """
        with calling(deadline, outgoing.traceparent) as call:
            call.begin_request()
            try:
                message = self.build(outgoing)
            except Exception as error:
                return unbuildable(self.name, error)
            if isinstance(message, Outcome):
                return message
            try:
                return await self.call(message, call)
            except TooManyHang:
                return released("PROVIDER_STALLED", "what the provider is reached by hangs", _PAUSE_SECONDS)
            except Exception as error:  # SDKs, too, build before they send
                if call.sent or isinstance(error, OSError):
                    raise
                return unbuildable(self.name, error)
