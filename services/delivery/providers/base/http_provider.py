"""What every provider that is called by HTTP is."""

from __future__ import annotations

from abc import abstractmethod

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import NoAnswer, NotSent
from services.delivery.providers.base.provider import CallingProvider, Message
from services.delivery.rules.provider import Outcome, transient, unanswered


class HttpProvider(CallingProvider[Message]):
    """Calls by :class:`.http_client.HttpClient`: no connection is certain, a request without an answer is not."""

    #: Who is called, as messages have it.
    peer: str

    @abstractmethod
    async def ask(self, message: Message, call: Call) -> Outcome:
        """Calls the provider once, and returns what its answer means.

        May raise what :class:`.http_client.HttpClient` does: that the provider could not be asked, or did not answer.
        """

    async def call(self, message: Message, call: Call) -> Outcome:
        try:
            return await self.ask(message, call)
        except NotSent as error:
            return transient(f"{self.name.upper()}_UNREACHABLE", f"{self.peer} cannot be reached: {error}")
        except NoAnswer:
            return unanswered(f"{self.name.upper()}_NO_ANSWER", f"{self.peer} gave no answer that can be read")
