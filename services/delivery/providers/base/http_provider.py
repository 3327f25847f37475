"""What every provider that is called by HTTP is: it builds a request, and then calls with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from services.delivery.providers.base.call import Call, calling
from services.delivery.providers.base.http_answer import NoAnswer, NotSent
from services.delivery.providers.base.look_ups import TooManyHang
from services.delivery.rules.provider import Outcome, Outgoing, released, transient, unanswered, unbuildable

#: What a provider is called with.
Message = TypeVar("Message")

#: How long a call waits for which nobody could look an address up, s: name servers may have come back by then.
_PAUSE_SECONDS = 5.0


class HttpProvider(ABC, Generic[Message]):
    """As :class:`services.delivery.rules.provider.Provider`, by :class:`.http_client.HttpClient`.

    What goes wrong while the request is built, or before a byte of it has gone out, is the notification's own fault: it
    fails for good, and says nothing about the provider.
    """

    name: str
    channel: str
    concurrency: int
    #: Who is called, as messages have it.
    peer: str

    @abstractmethod
    def build(self, outgoing: Outgoing) -> Message | Outcome:
        """All that can be done without the provider; an outcome if the notification cannot be sent. Calls nobody."""

    @abstractmethod
    async def call(self, message: Message, call: Call) -> Outcome:
        """Calls the provider once, and returns what its answer means.

        May raise what :class:`.http_client.HttpClient` does: that the provider could not be asked, or did not answer.
        """

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
            return message if isinstance(message, Outcome) else await self._called(message, call)

    async def _called(self, message: Message, call: Call) -> Outcome:
        try:
            return await self.call(message, call)
        except NotSent:
            return transient(f"{self.name.upper()}_UNREACHABLE", f"{self.peer} cannot be reached")
        except NoAnswer:
            return unanswered(f"{self.name.upper()}_NO_ANSWER", f"{self.peer} gave no answer that can be read")
        except TooManyHang:
            return released("PROVIDER_STALLED", "name servers do not answer", _PAUSE_SECONDS)
        except Exception as error:  # SDKs, too, build before they send
            if call.sent or isinstance(error, OSError):
                raise
            return unbuildable(self.name, error)
