"""Twilio's status callbacks: what became of an SMS, posted to the address that the sender named."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from dataclasses import dataclass

import httpx

from shared.observe.logs import logger

#: Codes of https://www.twilio.com/docs/api/errors that an SMS can end with after it was accepted.
UNDELIVERED = frozenset({"30003", "30004", "30005", "30006", "30007", "30008"})

ATTEMPTS = 3
AT_ONCE = 50

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Callback:
    """Whom to tell about which SMS; ``auth_token`` signs."""

    url: str
    auth_token: str
    account_sid: str
    message_sid: str
    sender: str
    to: str

    def forms(self) -> list[dict[str, str]]:
        """The callbacks in order: sent, then delivered; undelivered where the number ends in one of those codes."""
        code = self.to[-5:]
        if code in UNDELIVERED:
            return [self._form("sent"), {**self._form("undelivered"), "ErrorCode": code}]
        return [self._form("sent"), self._form("delivered")]

    def _form(self, status: str) -> dict[str, str]:
        return {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "From": self.sender,
            "MessageSid": self.message_sid,
            "MessageStatus": status,
            "SmsSid": self.message_sid,
            "SmsStatus": status,
            "To": self.to,
        }


class StatusCallbacks:
    """Posts callbacks in the background; what is not out when the sandbox stops is dropped."""

    def __init__(self, delay_s: float, timeout_s: float = 5.0) -> None:
        self._delay_s = delay_s
        self._client = httpx.AsyncClient(timeout=timeout_s, trust_env=False)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    def schedule(self, callback: Callback) -> None:
        """Begins to tell; returns at once."""
        task = asyncio.create_task(self._tell(callback))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Drops what is under way."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._client.aclose()

    async def _tell(self, callback: Callback) -> None:
        for form in callback.forms():
            await asyncio.sleep(self._delay_s)
            headers = {"X-Twilio-Signature": signature(callback.auth_token, callback.url, form)}
            async with self._at_once:
                await self._post(callback.url, form, headers)

    async def _post(self, url: str, form: dict[str, str], headers: dict[str, str]) -> None:
        problem = ""
        for attempt in range(ATTEMPTS):
            await asyncio.sleep(attempt * self._delay_s)
            try:
                answer = await self._client.post(url, data=form, headers=headers)
            except httpx.HTTPError as error:
                problem = type(error).__name__
                continue
            if answer.status_code < 500:
                return
            problem = f"status {answer.status_code}"
        log.warning("callback_not_taken", message_sid=form["MessageSid"], status=form["MessageStatus"], problem=problem)


def signature(auth_token: str, url: str, form: dict[str, str]) -> str:
    """X-Twilio-Signature: Base64 of HMAC-SHA1 over the URL followed by each name and value, sorted by name
    (https://www.twilio.com/docs/usage/security#validating-requests)."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), hashlib.sha1)).decode()
