"""SNS's topics: who subscribed, and what is posted to those who confirmed. Forgotten when the sandbox stops."""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx

from services.sandbox.providers.aws.sns_signature import SnsSigner
from shared.observe.logs import logger

ATTEMPTS = 3
AT_ONCE = 50

log = logger(__name__)


@dataclass(slots=True)
class Subscription:
    """One address that asked for a topic; ``base_url`` is where its owner finds the sandbox."""

    topic: str
    endpoint: str
    base_url: str
    token: str
    confirmed: bool = False

    @property
    def arn(self) -> str:
        return f"{self.topic}:{self.token[:8]}"


class SnsTopics:
    """Every topic that somebody subscribed to. Posts in the background; what is not out at the stop is dropped."""

    def __init__(self, signer: SnsSigner, delay_s: float, timeout_s: float = 10.0) -> None:
        self._signer = signer
        self._delay_s = delay_s
        self._client = httpx.AsyncClient(timeout=timeout_s, trust_env=False)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._subscriptions: dict[str, Subscription] = {}
        self._running: set[asyncio.Task[None]] = set()

    def subscribe(self, topic: str, endpoint: str, base_url: str) -> Subscription:
        """Asks the address to confirm; returns at once."""
        subscription = Subscription(topic, endpoint, base_url, secrets.token_hex(32))
        self._subscriptions[subscription.token] = subscription
        query = {"Action": "ConfirmSubscription", "TopicArn": topic, "Token": subscription.token}
        more = {"Token": subscription.token, "SubscribeURL": f"{base_url}/?{urlencode(query)}"}
        text = f"You have chosen to subscribe to the topic {topic}."
        self._start(subscription, [_message("SubscriptionConfirmation", topic, text, **more)])
        return subscription

    def confirm(self, topic: str, token: str) -> Subscription | None:
        """The subscription, from now on told; None if there is none."""
        subscription = self._subscriptions.get(token)
        if subscription is None or subscription.topic != topic:
            return None
        subscription.confirmed = True
        return subscription

    def publish(self, texts: list[str]) -> None:
        """Begins to post the texts, in their order, to everybody who confirmed; returns at once."""
        for subscription in self._subscriptions.values():
            if subscription.confirmed:
                self._start(subscription, [_message("Notification", subscription.topic, text) for text in texts])

    async def close(self) -> None:
        """Drops what is under way."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._client.aclose()

    def _start(self, subscription: Subscription, messages: list[dict[str, str]]) -> None:
        task = asyncio.create_task(self._tell(subscription, messages))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _tell(self, subscription: Subscription, messages: list[dict[str, str]]) -> None:
        for message in messages:
            await asyncio.sleep(self._delay_s)
            signed = self._signer.sign(message, subscription.base_url)
            async with self._at_once:
                await self._post(subscription, signed)

    async def _post(self, subscription: Subscription, message: dict[str, str]) -> None:
        headers = {
            "x-amz-sns-message-type": message["Type"],
            "x-amz-sns-topic-arn": subscription.topic,
            "content-type": "text/plain; charset=UTF-8",
        }
        content = json.dumps(message).encode()
        problem = ""
        for attempt in range(ATTEMPTS):
            await asyncio.sleep(attempt * self._delay_s)
            try:
                answer = await self._client.post(subscription.endpoint, content=content, headers=headers)
            except httpx.HTTPError as error:
                problem = type(error).__name__
                continue
            problem = f"status {answer.status_code}"
            if answer.is_success:
                return
            if answer.is_client_error:
                break
        log.warning("event_not_taken", topic=subscription.topic, kind=message["Type"], problem=problem)


def _message(kind: str, topic: str, text: str, **more: str) -> dict[str, str]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "Type": kind,
        "MessageId": str(uuid.uuid4()),
        "TopicArn": topic,
        "Message": text,
        "Timestamp": now,
        **more,
    }
