"""Notifications sent over REST at a set rate, whatever becomes of those before; none is tried again."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

import httpx

#: Failures that are told with their text; all are counted.
TOLD = 20


@dataclass
class Answers:
    """What came of the requests.

    ``counts`` is by status code, or by the name of the error where no answer came; ``accepted`` has the notifications'
    ids; ``failures`` says of the first failures when each began and ended, in s of the load, and why.
    """

    counts: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    slowest_s: float = 0.0

    @property
    def sent(self) -> int:
        """How many requests were made."""
        return self.counts.total()

    @property
    def failed(self) -> int:
        """How many of them were not accepted."""
        return self.sent - len(self.accepted)


class SteadyLoad:
    """Sends ``rate`` emails a second through ``client``, each to a user of its own, so that no limit is reached."""

    def __init__(self, client: httpx.AsyncClient, rate: float) -> None:
        self._client = client
        self._rate = rate
        self._run = uuid.uuid4().hex[:8]
        self._began = 0.0
        self.answers = Answers()

    async def send(self, stop: asyncio.Event, seconds: float | None = None) -> None:
        """Sends until told to stop, or for so many seconds; returns when the last request has ended."""
        self._began = time.monotonic()
        number = 0
        async with asyncio.TaskGroup() as requests:
            while not stop.is_set() and (seconds is None or number < seconds * self._rate):
                requests.create_task(self._send_one(number))
                number += 1
                await self._until(number / self._rate, stop)

    async def _until(self, moment: float, stop: asyncio.Event) -> None:
        """Returns at that second of the load, at once if it is over, or when told to stop."""
        left = moment - self._elapsed()
        if left <= 0:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(stop.wait(), left)
        except TimeoutError:
            return

    async def _send_one(self, number: int) -> None:
        began = self._elapsed()
        try:
            answer = await self._client.post("/v1/notifications", json=self._body(number))
        except httpx.HTTPError as error:
            self._failed(type(error).__name__, str(error), began)
            return
        self.answers.slowest_s = max(self.answers.slowest_s, self._elapsed() - began)
        if answer.status_code == httpx.codes.OK:
            self.answers.counts["200"] += 1
            self.answers.accepted.append(answer.json()["notification_id"])
        else:
            self._failed(str(answer.status_code), answer.text[:200], began)

    def _failed(self, kind: str, text: str, began: float) -> None:
        self.answers.counts[kind] += 1
        if len(self.answers.failures) < TOLD:
            self.answers.failures.append(f"{began:.2f} to {self._elapsed():.2f} s: {kind} {text}".rstrip())

    def _body(self, number: int) -> dict[str, object]:
        name = f"steady-{self._run}-{number}"
        to = f"{name}@example.com"
        return {"user_id": name, "template_name": "welcome_email", "to": to, "context": {"name": name}}

    def _elapsed(self) -> float:
        return time.monotonic() - self._began
