"""Email through Amazon SES (API v2)."""

from __future__ import annotations

from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from services.delivery.providers.aws.client import AwsClient
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_provider import HttpProvider
from services.delivery.providers.mail.email_building import BuiltEmail, build
from services.delivery.providers.mail.mail_addresses import BadAddress, Sender, parse_sender
from services.delivery.providers.ses.settings import SesSettings
from services.delivery.providers.ses.tags import tags
from services.delivery.rules.provider import Outcome, Outgoing, permanent, succeeded, unanswered
from shared.clock import Clock


class SesProvider(HttpProvider[dict[str, Any]]):
    """Sends emails.

    SES takes no token by which it could tell a repetition: a call without an answer stays open. It accepts what is
    addressed to its own suppression list too: what became of an email, its events tell, and they name it by its tags.
    """

    name = "ses"
    channel = "EMAIL"
    peer = "ses"

    def __init__(
        self, client: AwsClient, sender: Sender, *, configuration_set: str, connections: int, clock: Clock
    ) -> None:
        self._client = client
        self._sender = sender
        self._options = {"ConfigurationSetName": configuration_set} if configuration_set else {}
        self._clock = clock
        self.concurrency = connections

    @classmethod
    def from_settings(cls, settings: SesSettings, clock: Clock) -> Self:
        """Connects to nothing yet; raises :class:`BadAddress` for a sender that is none."""
        connections = settings.ses_connections
        return cls(
            AwsClient(cls.name, "sesv2", settings.ses_region, settings.ses_base_url, connections, settings),
            parse_sender(settings.ses_from or settings.smtp_from),
            configuration_set=settings.ses_configuration_set,
            connections=connections,
            clock=clock,
        )

    def build(self, outgoing: Outgoing) -> dict[str, Any] | Outcome:
        """The parameters of SendEmail: the email as it would go by SMTP."""
        try:
            email = build(outgoing, self._sender, self._clock.now())
        except BadAddress as error:
            return permanent("INVALID_ADDRESS", str(error))
        if email.utf8:
            return permanent("SMTPUTF8_NOT_OFFERED", "SES takes no addresses outside ASCII")
        return {
            "FromEmailAddress": email.sender.header,
            "Destination": _destination(email),
            "Content": {"Raw": {"Data": email.content}},
            "EmailTags": tags(outgoing.tenant_id, outgoing.notification_id, email.recipient if email.copies else ""),
            **self._options,
        }

    async def ask(self, message: dict[str, Any], call: Call) -> Outcome:
        try:
            answer = await self._client.call("send_email", message, call)
        except (BotoCoreError, ClientError) as error:
            return self._client.failed(error, self._clock)
        if not answer.get("MessageId"):
            return unanswered("SES_GARBAGE", "the answer of ses cannot be read")
        return succeeded(answer["MessageId"])

    async def close(self) -> None:
        await self._client.close()


def _destination(email: BuiltEmail) -> dict[str, list[str]]:
    kinds = {"ToAddresses": [email.recipient], "CcAddresses": [*email.cc], "BccAddresses": [*email.bcc]}
    return {kind: addresses for kind, addresses in kinds.items() if addresses}
