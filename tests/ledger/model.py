"""The ledger once more, in memory and in few words: what the real one must agree with, step by step.

It is written from the promises, not from the ledger's rules, and shares no code with them. Jitter is a half.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

KEY_LIFE = dt.timedelta(hours=24)
LEASE = dt.timedelta(seconds=12)
REDISPATCH = dt.timedelta(seconds=10)
WAITING = {"SCHEDULED", "QUEUED", "RETRYING"}
DEAD = {"FAILED", "UNKNOWN", "UNDELIVERED"}
RESTING = DEAD | {"SENT", "DELIVERED", "EXPIRED", "CANCELLED"}


@dataclass
class One:
    """A notification."""

    status: str
    max_attempts: int
    at_most_once: bool
    routes: int
    ready_at: dt.datetime
    due_at: dt.datetime | None
    expires_at: dt.datetime | None
    #: Attempts since acceptance or the last replay, and those before.
    tries: int = 0
    earlier: int = 0
    fence: int = 0
    route: int = 0
    lease_until: dt.datetime | None = None
    message_id: str = ""
    early: tuple[str, str] | None = None
    receipts: set[tuple[str, str]] = field(default_factory=set)

    def stands(self) -> tuple[str, int, int]:
        return self.status, self.earlier + self.tries, self.fence

    def over(self, now: dt.datetime) -> bool:
        return self.expires_at is not None and now >= self.expires_at

    def rest(self, status: str) -> None:
        self.status, self.due_at, self.lease_until = status, None, None

    def try_again(self, ready_at: dt.datetime, route: int) -> None:
        if self.tries >= self.max_attempts:
            self.rest("FAILED")
        elif self.over(ready_at):
            self.rest("EXPIRED")
        else:
            self.status, self.lease_until = "RETRYING", None
            self.ready_at = self.due_at = ready_at
            self.route = route

    def deliver(self, status: str, message_id: str) -> None:
        self.rest(status)
        self.message_id, self.early = message_id or self.message_id, None


class Model:
    """All of them, and the keys."""

    def __init__(self) -> None:
        self.all: dict[str, One] = {}
        self.keys: dict[str, tuple[str, str, dt.datetime]] = {}

    def record(self, name: str, one: One, key: str, fingerprint: str, now: dt.datetime) -> str:
        """The name it has; "refused" for a key that was used otherwise."""
        if key:
            used, first, until = self.keys.get(key, ("", "", now))
            if until > now:
                return first if used == fingerprint else "refused"
            self.keys[key] = (fingerprint, name, now + KEY_LIFE)
        self.all[name] = one
        return name

    def draw(self, now: dt.datetime) -> set[str]:
        drawn = set()
        for name, one in self.all.items():
            if one.due_at is not None and one.due_at <= now:
                one.due_at = now + REDISPATCH
                if one.status != "SENDING" and one.over(now):
                    one.rest("EXPIRED")
                else:
                    drawn.add(name)
        return drawn

    def claim(self, name: str, now: dt.datetime) -> bool:
        one = self.all[name]
        if one.status == "SENDING" and one.lease_until is not None and one.lease_until <= now:
            if one.early and one.early[0] == "DELIVERED":
                one.deliver(*one.early)
            elif one.at_most_once:
                one.rest("UNKNOWN")
            else:
                one.try_again(now, one.route)
        if one.status not in WAITING:
            return False
        if one.over(now):
            one.rest("EXPIRED")
            return False
        if one.status != "QUEUED" and one.ready_at > now:
            return False
        one.status, one.lease_until, one.due_at = "SENDING", now + LEASE, now + LEASE
        one.tries, one.fence = one.tries + 1, one.fence + 1
        return True

    def settle(self, name: str, fence: int, outcome: str, message_id: str, wait: float, now: dt.datetime) -> bool:
        one = self.all[name]
        if one.status != "SENDING" or one.fence != fence:
            return False
        back_off = dt.timedelta(seconds=max(min(300, 2.0**one.tries) / 2, wait))
        if one.early and (one.early[0] == "DELIVERED" or one.early[1] == message_id != ""):
            one.deliver(*one.early)
        elif outcome == "SUCCEEDED":
            one.rest("SENT")
            one.message_id = message_id
        elif outcome == "PERMANENT_FAILURE":
            one.rest("FAILED")
        elif outcome == "RELEASED":
            one.status, one.lease_until, one.tries = "QUEUED", None, one.tries - 1
            one.ready_at = one.due_at = now + dt.timedelta(seconds=wait)
        elif outcome == "UNANSWERED" and one.at_most_once:
            one.rest("UNKNOWN")
        else:
            one.try_again(now + back_off, min(one.route + 1, one.routes - 1))
        return True

    def receive(self, name: str, status: str, message_id: str) -> bool:
        one = self.all[name]
        if one.fence == 0 or (status, message_id) in one.receipts:
            return False
        one.receipts.add((status, message_id))
        own = not one.message_id or not message_id or one.message_id == message_id
        if (status == "DELIVERED" and one.status in {"SENT", "RETRYING", "QUEUED", "UNKNOWN"}) or (
            status == "UNDELIVERED" and one.status in {"SENT", "UNKNOWN"} and own
        ):
            one.deliver(status, message_id)
        elif one.status == "SENDING" and not (one.early and one.early[0] == "DELIVERED"):
            one.early = (status, message_id)
        return True

    def cancel(self, name: str) -> bool:
        """False: it is too late."""
        one = self.all[name]
        if one.status in WAITING:
            one.rest("CANCELLED")
        return one.status == "CANCELLED"

    def replay(self, name: str, now: dt.datetime) -> bool:
        """False: it is no dead letter, or too late."""
        one = self.all[name]
        if one.status not in DEAD or one.over(now):
            return False
        one.status, one.route, one.early, one.message_id = "QUEUED", 0, None, ""
        one.ready_at = one.due_at = now
        one.earlier, one.tries = one.earlier + one.tries, 0
        return True

    def replayable(self, now: dt.datetime) -> list[str]:
        return [name for name, one in self.all.items() if one.status in DEAD and not one.over(now)]
