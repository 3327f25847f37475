"""Events of SES as Amazon SNS brings them: verified, then read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Self

from services.delivery.providers.base.receiver import Receiver, Report
from services.delivery.providers.ses import event
from services.delivery.providers.ses.settings import SesSettings
from services.delivery.providers.sns import envelope
from services.delivery.providers.sns.addresses import SnsAddresses
from services.delivery.providers.sns.envelope import Kind, SnsMessage
from services.delivery.providers.sns.http import SnsHttp, SnsRefusal, unavailable
from services.delivery.providers.sns.signature import SnsSignatures, not_signed
from services.delivery.rules.receipts import Receipt
from shared.clock import Clock
from shared.errors import Code, PulseError
from shared.observe.logs import logger

log = logger(__name__)


class SesEvents(Receiver):
    """Takes what SNS posts of ``topics``, ARNs; of none if there are none."""

    def __init__(self, topics: Collection[str], addresses: SnsAddresses, http: SnsHttp, clock: Clock) -> None:
        self._topics = frozenset(topics)
        self._addresses = addresses
        self._http = http
        self._signatures = SnsSignatures(addresses, http.get, clock)

    @classmethod
    def from_settings(cls, settings: SesSettings, clock: Clock) -> Self:
        """Connects to nothing yet."""
        return cls(settings.event_topics(), SnsAddresses(settings.ses_event_base_url), SnsHttp(), clock)

    async def take(self, report: Report) -> list[Receipt]:
        """What one message says of notifications; a new subscription is confirmed.

        Raises INVALID_ARGUMENT for what is no message of SNS, PERMISSION_DENIED for one of an unknown topic or without
        SNS's signature, and UNAVAILABLE if SNS had to be asked and could not be.
        """
        message = envelope.parse(report.body)
        self._check_topic(message)
        await self._signatures.verify(message)
        if message.kind is Kind.NOTIFICATION:
            return event.read(message.text)
        await self._subscription(message)
        return []

    async def close(self) -> None:
        """Hangs up."""
        await self._http.close()

    def _check_topic(self, message: SnsMessage) -> None:
        """Before the signature: whoever does not know a topic cannot make Pulse ask for certificates."""
        if message.topic not in self._topics:
            raise PulseError(
                Code.PERMISSION_DENIED,
                "UNKNOWN_TOPIC",
                "the topic is not one whose events are taken",
                hint="PULSE_SES_EVENT_TOPICS lists them",
            )

    async def _subscription(self, message: SnsMessage) -> None:
        """Confirms one that begins; of one that ends an operator should know."""
        if message.kind is Kind.UNSUBSCRIPTION:
            log.warning("a topic of SES events no longer sends them", topic=message.topic)
            return
        if not self._addresses.confirms(message.subscribe_url, message.topic):
            raise not_signed("SubscribeURL is not an address of Amazon SNS")
        try:
            await self._http.get(message.subscribe_url)
        except SnsRefusal as error:
            raise unavailable(str(error)) from None
        log.info("a topic of SES events is subscribed", topic=message.topic)
