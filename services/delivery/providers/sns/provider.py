"""SMS through Amazon SNS."""

from __future__ import annotations

from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from services.delivery.providers.aws.client import AwsClient
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_provider import HttpProvider
from services.delivery.providers.sns.senders import sender_attributes
from services.delivery.providers.sns.settings import SnsSettings
from services.delivery.rules.provider import Outcome, Outgoing, misconfigured, permanent, succeeded, unanswered
from shared.clock import Clock
from shared.text.channel_bounds import says_nothing


class SnsProvider(HttpProvider[dict[str, Any]]):
    """Sends SMS.

    SNS takes no token by which it could tell a repetition: a call without an answer stays open. What became of an SMS
    it writes to CloudWatch's logs alone, so that none has a receipt. It has no attribute for an
    SMS's end, either: https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html.
    """

    name = "sns"
    channel = "SMS"
    peer = "sns"

    def __init__(self, client: AwsClient, *, sender_id: str, connections: int, clock: Clock) -> None:
        self._client = client
        self._sender = {"AWS.SNS.SMS.SenderID": sender_id} if sender_id else {}
        self._clock = clock
        self.concurrency = connections

    @classmethod
    def from_settings(cls, settings: SnsSettings, clock: Clock) -> Self:
        """Connects to nothing yet."""
        connections = settings.sns_connections
        return cls(
            AwsClient(cls.name, "sns", settings.sns_region, settings.sns_base_url, connections, settings),
            sender_id=settings.sns_sender_id,
            connections=connections,
            clock=clock,
        )

    def build(self, outgoing: Outgoing) -> dict[str, Any] | Outcome:
        """The parameters of Publish."""
        if says_nothing(outgoing.body):
            return permanent("EMPTY_BODY", "an SMS must say something")
        attributes = {
            "AWS.SNS.SMS.SMSType": _text("Transactional"),
            "pulse_notification_id": _text(outgoing.notification_id),
        }
        own = sender_attributes(outgoing.sender.address) if outgoing.sender else self._sender
        if own is None:
            return misconfigured("SENDER_NOT_CARRIED", "SNS has no such senders as the notification's", "its route")
        attributes |= {name: _text(value) for name, value in own.items()}
        return {"PhoneNumber": outgoing.to, "Message": outgoing.body, "MessageAttributes": attributes}

    async def ask(self, message: dict[str, Any], call: Call) -> Outcome:
        try:
            answer = await self._client.call("publish", message, call)
        except (BotoCoreError, ClientError) as error:
            return self._client.failed(error, self._clock)
        if not answer.get("MessageId"):
            return unanswered("SNS_GARBAGE", "the answer of sns cannot be read")
        return succeeded(answer["MessageId"])

    async def close(self) -> None:
        await self._client.close()


def _text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}
