"""The load: what is asked for, made from a seed. Pure."""

from __future__ import annotations

import enum
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from proof.chaos.suite import API_KEYS

TENANTS = tuple(API_KEYS)
#: Sends of one user beyond the limit, to see it kept.
BURST = 14
BATCH = 20
AREAS = (202, 206, 212, 303, 312, 404, 415, 512, 602, 617)


class Way(enum.StrEnum):
    """How asks of one step are put."""

    SINGLE = "single"
    BATCH = "batch"
    CONCURRENT = "concurrent"  # the same ask several times at once
    AGAIN = "again"  # the same ask after its answer
    CLASH = "clash"  # one key, two requests
    CANCEL = "cancel"  # asked for later, and taken back


@dataclass(frozen=True)
class Ask:
    """One notification somebody wants. ``to`` is nobody else's, except in a burst."""

    tenant: str
    user: str
    channel: str  # EMAIL, SMS or PUSH
    lane: str  # HIGH or LOW
    to: str
    name: str
    key: str = ""
    at_most_once: bool = False
    delay_s: float = 0.0  # how far ahead send_at lies; 0: none
    send_at: float = 0.0  # that moment, s since 1970, once it is asked for
    ttl_s: float = 0.0  # 0: none
    template: str = "chaos"

    @property
    def body(self) -> str:
        """The text that has to arrive."""
        return f"Hello {self.name}."

    @property
    def to_sha256(self) -> str:
        return hashlib.sha256(self.to.encode()).hexdigest()

    @property
    def body_sha256(self) -> str:
        return hashlib.sha256(self.body.encode()).hexdigest()


@dataclass(frozen=True)
class Step:
    """Asks that belong together."""

    way: Way
    asks: tuple[Ask, ...]

    def at(self, now: float) -> Step:
        """The step as it is asked for at ``now``: whatever is sent again must be the same request."""
        return replace(
            self, asks=tuple(replace(ask, send_at=now + ask.delay_s) if ask.delay_s else ask for ask in self.asks)
        )


class Load:
    """Steps for one cell; ``prefix`` begins every user, address and key of it, so it must be nobody else's."""

    def __init__(self, seed: str, prefix: str) -> None:
        self._random = random.Random(seed)
        self._prefix = prefix
        self._count = 0

    def steps(self, notifications: int, *, burst: bool = False) -> list[Step]:
        """Steps with about ``notifications`` notifications in all."""
        steps = list(self._mixed(notifications))
        if burst:
            one = self._ask(channel=self._random.choice(("EMAIL", "PUSH")), key=False)
            asks = tuple(
                replace(self._ask(channel=one.channel), user=one.user, tenant=one.tenant) for _ in range(BURST)
            )
            steps += [Step(Way.SINGLE, (ask,)) for ask in asks]
        return steps

    def _mixed(self, notifications: int) -> Iterator[Step]:
        left = notifications
        while left > 0:
            dice = self._random.random()
            if dice < 0.10 and left >= BATCH:
                tenant = self._random.choice(TENANTS)
                yield Step(Way.BATCH, tuple(replace(self._ask(), tenant=tenant) for _ in range(BATCH)))
                left -= BATCH
                continue
            yield self._one(dice)
            left -= 1

    def _one(self, dice: float) -> Step:
        if dice < 0.20:
            return Step(Way.CONCURRENT, (self._ask(key=True),) * 4)
        if dice < 0.27:
            return Step(Way.AGAIN, (self._ask(key=True),) * 2)
        if dice < 0.30:
            ask = self._ask(key=True)
            return Step(Way.CLASH, (ask, replace(ask, name=f"other-{ask.name}")))
        if dice < 0.34:
            return Step(Way.CANCEL, (replace(self._ask(key=True), delay_s=15.0),))
        if dice < 0.40:
            return Step(Way.SINGLE, (replace(self._ask(), delay_s=self._random.choice((0.5, 1.5))),))
        if dice < 0.43:
            return Step(Way.SINGLE, (replace(self._ask(), ttl_s=self._random.choice((1.0, 5.0))),))
        return Step(Way.SINGLE, (self._ask(),))

    def _ask(self, channel: str = "", key: bool | None = None) -> Ask:
        self._count += 1
        number = self._count
        channel = channel or self._random.choices(("EMAIL", "SMS", "PUSH"), (5, 3, 2))[0]
        keyed = self._random.random() < 0.7 if key is None else key
        user = f"{self._prefix}-u{number}"
        to = {
            "EMAIL": f"{self._prefix}.{number}@example.com",
            # Area codes in which nothing costs extra; the sandbox lets some endings fail, none of which ends in 1.
            "SMS": f"+1{AREAS[number % len(AREAS)]}{_digits(self._prefix, number):06d}1",
            "PUSH": f"{self._prefix}:{number}",
        }[channel]
        return Ask(
            tenant=self._random.choice(TENANTS),
            user=user,
            channel=channel,
            lane=self._random.choice(("HIGH", "LOW")),
            to=to,
            name=f"{self._prefix}-n{number}",
            key=f"{self._prefix}-k{number}" if keyed else "",
            at_most_once=self._random.random() < 0.12,
        )


def _digits(prefix: str, number: int) -> int:
    """A number below 1,000,000 that is as good as nobody else's in its cell."""
    return int.from_bytes(hashlib.sha256(f"{prefix}/{number}".encode()).digest()[:8]) % 1_000_000
