"""What became of the notifications that were accepted: each is asked for until it has arrived."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

#: Statuses that say that a provider has it.
ARRIVED = frozenset({"SENT", "DELIVERED"})

#: How many are asked for at once.
AT_ONCE = 8

#: Pause between two questions for the same notification, s.
POLL_S = 0.25


@dataclass
class Deliveries:
    """By id: ``missing`` has the last known status of those that have not arrived, ``repeated`` how often a provider
    took over each that it took over more than once, ``unanswered`` how many attempts ended without an answer: after one
    a notification may have arrived and is sent again.
    """

    missing: dict[str, str] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)
    unanswered: dict[str, int] = field(default_factory=dict)

    def unexplained(self) -> dict[str, int]:
        """Those that came more often than attempts without an answer account for."""
        return {each: times for each, times in self.repeated.items() if times > 1 + self.unanswered.get(each, 0)}


async def deliveries(client: httpx.AsyncClient, accepted: Iterable[str], within_s: float) -> Deliveries:
    """Asks for each one until it has arrived, for so many seconds in all."""
    found = Deliveries()
    deadline = asyncio.get_running_loop().time() + within_s
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(notification_id: str) -> None:
        async with places:
            told = await _until_arrived(client, notification_id, deadline)
        if told.get("status") not in ARRIVED:
            found.missing[notification_id] = str(told.get("status"))
        if (times := _attempts(told, "SUCCEEDED")) > 1:
            found.repeated[notification_id] = times
        if times := _attempts(told, "UNANSWERED"):
            found.unanswered[notification_id] = times

    async with asyncio.TaskGroup() as questions:
        for notification_id in accepted:
            questions.create_task(ask(notification_id))
    return found


async def receipts(sandbox: httpx.AsyncClient, accepted: Iterable[str]) -> Counter[str]:
    """How many emails the sandbox has of each of those that were accepted; raises ``httpx.HTTPError``."""
    wanted = set(accepted)
    found: Counter[str] = Counter()
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        query = {"channel": "EMAIL", **({"after": page["next"]} if page["next"] else {})}
        page = (await sandbox.get("/api/receipts", params=query)).raise_for_status().json()
        found.update(each["notification_id"] for each in page["receipts"] if each["notification_id"] in wanted)
    return found


async def _until_arrived(client: httpx.AsyncClient, notification_id: str, deadline: float) -> dict[str, Any]:
    """The notification as it was told last; empty if it never was."""
    told: dict[str, Any] = {}
    while True:
        try:
            answer = await client.get(f"/v1/notifications/{notification_id}")
            told = answer.json() if answer.status_code == httpx.codes.OK else told
        except httpx.HTTPError:
            pass  # only sends must never fail; this asks again
        if told.get("status") in ARRIVED or asyncio.get_running_loop().time() > deadline:
            return told
        await asyncio.sleep(POLL_S)


def _attempts(notification: dict[str, Any], outcome: str) -> int:
    """How many ended so."""
    return sum(event.get("outcome") == outcome for event in notification.get("timeline", []))
