"""SMS through Twilio's Messages API."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlencode

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_client import HttpClient
from services.delivery.providers.base.http_provider import HttpProvider
from services.delivery.providers.twilio import twilio_errors
from services.delivery.providers.twilio.senders import sender_arguments
from services.delivery.providers.twilio.settings import TWILIO_URL, TwilioSettings
from services.delivery.providers.twilio.signature import callback_url
from services.delivery.providers.twilio.transport import Transport
from services.delivery.providers.twilio.validity import validity
from services.delivery.rules.provider import Outcome, Outgoing, permanent, succeeded, unanswered
from shared.clock import Clock
from shared.observe.logs import logger
from shared.text.channel_bounds import says_nothing

log = logger(__name__)


class TwilioProvider(HttpProvider[dict[str, str]]):
    """Sends SMS by the SDK, which makes requests and reads answers; they travel over our own connections."""

    name = "twilio"
    channel = "SMS"
    peer = "Twilio"

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        sender: str,
        *,
        base_url: str = TWILIO_URL,
        public_url: str = "",
        connections: int,
        clock: Clock,
    ) -> None:
        self.sender = sender
        self._public_url = public_url
        self._clock = clock
        self._http = HttpClient(base_url, connections)
        self._client = Client(account_sid, auth_token, http_client=Transport(self._http))
        self._client.api.base_url = base_url.rstrip("/")
        self.concurrency = connections

    @classmethod
    def from_settings(cls, settings: TwilioSettings, clock: Clock) -> Self:
        """Connects to nothing yet."""
        return cls(
            settings.twilio_account_sid,
            settings.twilio_auth_token.get_secret_value(),
            settings.twilio_from,
            base_url=settings.twilio_base_url or TWILIO_URL,
            public_url=settings.public_url,
            connections=settings.twilio_connections,
            clock=clock,
        )

    def build(self, outgoing: Outgoing) -> dict[str, str] | Outcome:
        """The arguments of the SDK's call."""
        if says_nothing(outgoing.body):
            return permanent("EMPTY_BODY", "an SMS must say something")
        arguments = {"to": outgoing.to, "body": outgoing.body, **sender_arguments(self.sender_of(outgoing))}
        return self.reported({**arguments, **validity(outgoing.ends_at)}, outgoing)

    def sender_of(self, outgoing: Outgoing) -> str:
        """Who it comes from: the notification's own sender, or else the settings'."""
        return outgoing.sender.address if outgoing.sender else self.sender

    def reported(self, arguments: dict[str, str], outgoing: Outgoing) -> dict[str, str]:
        """With the address to which Twilio tells what became of it; raises UnicodeError for text that is no Unicode."""
        if self._public_url:
            arguments["status_callback"] = callback_url(
                self.name, self._public_url, outgoing.tenant_id, outgoing.notification_id
            )
        urlencode(arguments)  # as the SDK will do
        return arguments

    async def ask(self, message: dict[str, str], call: Call) -> Outcome:
        """A refused connection is certain; a request without a readable answer is not."""
        try:
            message_made = await self._client.messages.create_async(**message)
        except (TwilioRestException, TwilioServiceException) as error:
            return self._refused(error, call)
        except (TwilioException, ValueError, TypeError, KeyError):  # what the SDK makes of an answer that is none
            if not call.sent:
                raise
            return unanswered("TWILIO_GARBAGE", "Twilio's answer cannot be read")
        return succeeded(message_made.sid or "")

    async def close(self) -> None:
        await self._http.close()

    def _refused(self, error: TwilioRestException | TwilioServiceException, call: Call) -> Outcome:
        code = error.code if isinstance(error.code, int) and error.code != error.status else None
        if error.status < 500 and twilio_errors.is_configuration(error.status, code):
            log.error("twilio refuses Pulse's configuration", status=error.status, code=code)
        retry_after = call.answer.retry_after(self._clock.now()) if call.answer is not None else None
        return twilio_errors.classify(error.status, code, retry_after)
