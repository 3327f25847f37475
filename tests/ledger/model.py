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
RESTING = DEAD | {"DELIVERED", "EXPIRED", "CANCELLED"}
#: A further channel takes over after so long, if the one before did not bring it or failed.
TAKES_OVER = dt.timedelta(seconds=20)
#: What finds no provider is looked at again after so long at first.
LOOK_AGAIN = dt.timedelta(seconds=1)
#: Handed back so often, it has failed.
HAND_BACKS = 10
#: … and at last.
LONGEST_LOOK = dt.timedelta(seconds=5)


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
    #: Channels still to come, and when the next of them takes over.
    fallbacks: int = 0
    next_fallback_at: dt.datetime | None = None
    #: How many took over, and the provider of the last attempt.
    steps: int = 0
    provider: str = ""
    #: Attempts since acceptance, the last replay or the last further channel, and those before.
    tries: int = 0
    earlier: int = 0
    fence: int = 0
    route: int = 0
    lease_until: dt.datetime | None = None
    #: Since when no provider may be called.
    shut_since: dt.datetime | None = None
    message_id: str = ""
    early: tuple[str, str] | None = None
    receipts: set[tuple[str, str, str]] = field(default_factory=set)
    #: Until when providers asked not to be called.
    rests: dict[str, dt.datetime] = field(default_factory=dict)
    #: The attempt before this one was lost with its worker.
    was_lost: bool = False

    def stands(self) -> tuple[str, int, int, int]:
        return self.status, self.earlier + self.tries, self.fence, self.steps

    def named(self, route: int) -> str:
        return ["first", "second"][route] if self.steps == 0 else "text"

    def may_call(self, route: int, at: dt.datetime) -> bool:
        return self.rests.get(self.named(route), at) <= at

    def over(self, now: dt.datetime) -> bool:
        return self.expires_at is not None and now >= self.expires_at

    def rest(self, status: str) -> None:
        self.status, self.due_at, self.lease_until, self.shut_since = status, None, None, None
        if status == "SENT":
            self.due_at = self.next_fallback_at
        else:
            self.next_fallback_at = None

    def fail(self, status: str, now: dt.datetime) -> None:
        """For good on this channel."""
        self.rest(status)
        if self.fallbacks and not self.over(now):
            self.move_on(now)

    def move_on(self, now: dt.datetime) -> None:
        self.fallbacks, self.steps = self.fallbacks - 1, self.steps + 1
        self.status, self.lease_until, self.route, self.routes = "QUEUED", None, 0, 1
        self.ready_at = self.due_at = now
        self.next_fallback_at = now + TAKES_OVER if self.fallbacks else None
        self.early, self.message_id, self.shut_since = None, "", None
        self.earlier, self.tries = self.earlier + self.tries, 0

    def fall_back(self, now: dt.datetime) -> None:
        """Its next channel takes over, if that is due."""
        if self.next_fallback_at is None or self.status not in WAITING | {"SENT"}:
            return
        if self.over(now):
            self.next_fallback_at = None
            self.rest("SENT")
        elif self.next_fallback_at <= now:
            self.move_on(now)

    def look_at(self, due_at: dt.datetime) -> None:
        self.due_at = min(due_at, self.next_fallback_at or due_at)

    def try_again(self, ready_at: dt.datetime, route: int, now: dt.datetime) -> None:
        if self.tries >= self.max_attempts:
            self.fail("FAILED", now)
        elif self.over(ready_at):
            if self.fallbacks and not self.over(now):
                self.fail("FAILED", now)
            else:
                self.rest("EXPIRED")
        else:
            self.status, self.lease_until, self.ready_at, self.route = "RETRYING", None, ready_at, route
            self.look_at(ready_at)

    def deliver(self, status: str, message_id: str, now: dt.datetime) -> None:
        self.rest(status)
        self.message_id, self.early, self.was_lost = message_id or self.message_id, None, False
        if status == "UNDELIVERED":
            self.fail(status, now)


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
            self.keys[key] = (fingerprint, name, now + KEY_LIFE + one.fallbacks * TAKES_OVER)
        self.all[name] = one
        return name

    def draw(self, now: dt.datetime) -> set[str]:
        drawn = set()
        for name, one in self.all.items():
            if one.due_at is not None and one.due_at <= now:
                later = (
                    one.next_fallback_at
                    if one.next_fallback_at is not None and one.next_fallback_at > now
                    else now + REDISPATCH
                )
                one.due_at = min(now + REDISPATCH, later)
                if one.status in WAITING and one.over(now):
                    one.rest("EXPIRED")
                else:
                    drawn.add(name)
        return drawn

    def claim(self, name: str, now: dt.datetime, shut: bool = False) -> bool:
        """``shut``: no provider may be called."""
        one = self.all[name]
        if one.status == "SENDING" and one.lease_until is not None and one.lease_until <= now:
            if one.early and one.early[0] == "DELIVERED":
                one.deliver(*one.early, now)
            elif one.at_most_once:
                one.rest("UNKNOWN")
            else:
                again = min(300, 8.0 * 4 ** (max(one.tries - 1, 1) - 1)) if one.was_lost else 0.0
                if one.expires_at is not None:
                    again = min(again, max((one.expires_at - now).total_seconds() / 2, 1))
                one.was_lost = True
                one.try_again(now + dt.timedelta(seconds=again * 0.75), one.route, now)
        if one.status in WAITING and one.over(now):
            one.rest("EXPIRED")
        one.fall_back(now)
        if one.status not in WAITING or (one.status != "QUEUED" and one.ready_at > now):
            return False
        if shut:
            one.shut_since = one.shut_since or now
            wait = min(max((now - one.shut_since) / 2, LOOK_AGAIN), LONGEST_LOOK)
            one.look_at(min(now + wait, one.expires_at or now + wait))
            return False
        one.shut_since = None
        one.provider = one.named(one.route)
        one.status, one.lease_until, one.due_at = "SENDING", now + LEASE, now + LEASE
        one.tries, one.fence = one.tries + 1, one.fence + 1
        return True

    def settle(self, name: str, fence: int, outcome: str, message_id: str, wait: float, now: dt.datetime) -> bool:
        one = self.all[name]
        if one.status != "SENDING" or one.fence != fence:
            return False
        rounds = (one.tries - 1) // one.routes + 1
        longest = min(900, 2.0 * (2 if one.fallbacks else 4) ** (rounds - 1))
        if one.expires_at is not None:
            longest = min(longest, max((one.expires_at - now).total_seconds() / 2, 1))
        back_off = dt.timedelta(seconds=max(longest * 0.75, wait))
        overtaken = one.early and (one.early[0] == "DELIVERED" or one.early[1] == message_id != "")
        if outcome in ("TRANSIENT_FAILURE", "UNANSWERED") and wait and not overtaken:
            one.rests[one.provider] = now + dt.timedelta(seconds=wait)
        onward = [route for route in range(one.route + 1, one.routes) if one.may_call(route, now)]
        ready_at, following = min(
            (max(now + back_off, one.rests.get(one.named(route), now)), step, route)
            for step in range(one.routes)
            for route in [(one.route + 1 + step) % one.routes]
        )[::2]
        one.was_lost = one.was_lost and outcome == "RELEASED" and not overtaken
        if overtaken:
            one.deliver(*one.early, now)
        elif outcome == "SUCCEEDED":
            one.rest("SENT")
            one.message_id = message_id
        elif outcome == "PERMANENT_FAILURE":
            one.fail("FAILED", now)
        elif outcome == "RELEASED":
            one.tries -= 1
            handed_back = (one.fence - one.earlier - one.tries) % HAND_BACKS
            if handed_back == 0:
                one.was_lost = False
                one.fail("FAILED", now)
            else:
                longest = min(300, 2.0 ** (handed_back - 6)) if handed_back > 5 else 0.0
                if one.expires_at is not None:
                    longest = min(longest, max((one.expires_at - now).total_seconds() / 2, 1))
                one.status, one.lease_until = "QUEUED", None
                one.ready_at = now + dt.timedelta(seconds=max(longest * 0.75, wait))
                one.look_at(one.ready_at)
        elif outcome == "UNANSWERED" and one.at_most_once:
            one.rest("UNKNOWN")
        elif outcome == "TRANSIENT_FAILURE" and onward:
            one.try_again(now, onward[0], now)
        else:
            one.try_again(ready_at, following, now)
        return True

    def receive(self, name: str, status: str, message_id: str, provider: str, now: dt.datetime) -> bool:
        one = self.all[name]
        if one.fence == 0 or (status, message_id, provider) in one.receipts:
            return False
        one.receipts.add((status, message_id, provider))
        left = status == "UNDELIVERED" and one.steps > 0 and provider != one.provider
        own = not left and (not one.message_id or not message_id or one.message_id == message_id)
        if (status == "DELIVERED" and one.status in {"SENT", "RETRYING", "QUEUED", "UNKNOWN"}) or (
            status == "UNDELIVERED" and one.status in {"SENT", "UNKNOWN"} and own
        ):
            one.deliver(status, message_id, now)
        elif one.status == "SENDING" and not left and not (one.early and one.early[0] == "DELIVERED"):
            one.early = (status, message_id)
        return True

    def acknowledge(self, name: str, now: dt.datetime) -> bool:
        """False: it was never sent, or has ended otherwise."""
        one = self.all[name]
        if one.fence and one.status in WAITING | {"SENT", "UNKNOWN"}:
            one.deliver("DELIVERED", "", now)
        elif one.status == "SENDING":
            one.early = one.early if one.early and one.early[0] == "DELIVERED" else ("DELIVERED", "")
        return one.status in {"DELIVERED", "SENDING"}

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
        one.next_fallback_at = now + TAKES_OVER if one.fallbacks else None
        one.earlier, one.tries = one.earlier + one.tries, 0
        return True

    def replayable(self, now: dt.datetime) -> list[str]:
        return [name for name, one in self.all.items() if one.status in DEAD and not one.over(now)]
