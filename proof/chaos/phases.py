"""Phases of a notification's life, and how a cell holds notifications in one while a fault strikes.

Most are held by a link that keeps bytes back: they are where their name says because the next thing they need is on the
network. How many stood there is counted, not assumed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from proof.chaos.proxy import Direction
from proof.chaos.window import Window

#: What a phase is called in a cell's name.
Number = int | str
#: Longest wait for a phase to fill, s.
PATIENCE_S = 4.0


@dataclass(frozen=True)
class Phase:
    """One phase. ``links`` carry what moves a notification on; ``roles`` are those at work in it."""

    number: Number
    name: str
    links: Sequence[str]
    roles: Sequence[str]
    direction: Direction = Direction.REQUEST
    #: Held together, not one of them by chance.
    together: bool = False
    chosen: list[str] = field(default_factory=list, compare=False)

    #: Over how long the load that the fault is to meet is spread, s.
    spread_s = 0.0

    async def arm(self, window: Window, chance: random.Random) -> None:
        """Prepares the hold, before the notifications that it is for are sent."""
        self.chosen[:] = self.links if self.together or not self.links else [chance.choice(self.links)]
        for name in self.chosen:
            window.suite.link(name).hold(self.direction)

    async def fill(self, window: Window) -> int:
        """Waits until notifications stand in this phase; how many do, 0 if none got there in time."""
        return await window.filled(lambda: self.count(window), PATIENCE_S)

    async def count(self, window: Window) -> int:
        """How many stand in this phase now."""
        raise NotImplementedError

    async def release(self, window: Window) -> None:
        """Lets everything go on."""
        for link in window.suite.links.values():
            link.release()

    def held(self, window: Window) -> bool:
        """Whether a link of this phase keeps something back."""
        return any(window.suite.link(name).held for name in self.chosen)


class BeforeCommit(Phase):
    """Requests on their way to the ledger's database."""

    async def count(self, window: Window) -> int:
        return window.driver.calls if self.held(window) else 0


class BeforeAnswer(Phase):
    """Committed, and the answer is held on its way to the caller."""

    async def count(self, window: Window) -> int:
        return await window.unanswered() if self.held(window) else 0


class BeforePublish(Phase):
    """Committed and answered, and the task is held on its way to the broker."""

    async def count(self, window: Window) -> int:
        return await window.standing("QUEUED") if self.held(window) else 0


class Queued(Phase):
    """In the broker; workers' next calls for a task are held. One that was waiting already gets one task."""

    async def count(self, window: Window) -> int:
        return await window.standing("QUEUED") if await window.queued_tasks() else 0


class Taken(Phase):
    """Taken from the broker, and the claim is held on its way to the ledger."""

    async def count(self, window: Window) -> int:
        return await window.standing("QUEUED") if self.held(window) and await window.taken_tasks() else 0


class Claimed(Phase):
    """The intent is committed, and the bytes are held on their way to the provider."""

    async def count(self, window: Window) -> int:
        return await window.sending(received=False) if self.held(window) else 0


class Accepted(Phase):
    """A provider has it, and the outcome is held on its way to the ledger. Providers are slowed down, so that there is
    time between the claims and their outcomes, which travel by the same link."""

    async def arm(self, window: Window, chance: random.Random) -> None:
        self.chosen[:] = self.links
        slow = [{"provider": "*", "match": "", "action": "delay_ms", "value": 500}]
        await window.suite.sandbox("PUT", "/api/faults", json=slow)

    async def fill(self, window: Window) -> int:
        if not await window.filled(lambda: window.sending(received=False), PATIENCE_S):
            return 0
        window.suite.link("worker-ledger").hold(self.direction)
        return await super().fill(window)

    async def count(self, window: Window) -> int:
        return await window.sending(received=True) if self.held(window) else 0


class Settled(Phase):
    """Outcomes are committed, and the acknowledgement is held on its way to the broker. Claims are held until tasks are
    taken; then the broker's link is held in their place."""

    async def arm(self, window: Window, chance: random.Random) -> None:
        self.chosen[:] = self.links
        window.suite.link("worker-ledger").hold(self.direction)

    async def fill(self, window: Window) -> int:
        if not await window.filled(window.taken_tasks, PATIENCE_S):
            return 0
        window.suite.link("consume").hold(self.direction)
        before = await window.standing("SENT", "DELIVERED")
        window.suite.link("worker-ledger").release()

        async def settled() -> int:
            return await self.count(window) and await window.standing("SENT", "DELIVERED") - before

        return await window.filled(settled, PATIENCE_S)

    async def count(self, window: Window) -> int:
        return await window.taken_tasks()


class OnItsWay(Phase):
    """Recorded and claimed for a worker that waits: the record's answer is held, or the push."""

    async def count(self, window: Window) -> int:
        return await window.sending(received=False) if self.held(window) else 0


class Pushed(Phase):
    """A provider has what was pushed, and its outcome is held on its way to the ledger; so are all claims."""

    async def count(self, window: Window) -> int:
        return await window.sending(received=True) if self.held(window) else 0


class Reported(Phase):
    """A provider reports what became of an SMS, and the report is held on its way to the ledger."""

    async def count(self, window: Window) -> int:
        return await window.standing("SENT") if self.held(window) else 0


class UnderLoad(Phase):
    """No phase of a notification's own: the load flows on while the fault lasts, and nothing is held."""

    spread_s = 4.0

    async def count(self, window: Window) -> int:
        return window.driver.calls


FRONT = ("gateway", "router", "ledger")
LANES = ("worker-high", "worker-low")
BACK = (*LANES, "ledger")
ANSWER = Direction.ANSWER

PHASES: Mapping[Number, Phase] = {
    phase.number: phase
    for phase in (
        BeforeCommit(1, "before commit", ("router-ledger", "router", "database"), FRONT),
        BeforeAnswer(2, "commit → answer", ("router-ledger", "router", "client"), FRONT, ANSWER),
        BeforePublish(3, "commit → publish", ("publish",), ("router", "ledger")),
        Queued(4, "queued", ("consume",), ("router", *LANES)),
        Taken(5, "taken → claimed", ("worker-ledger",), BACK),
        Claimed(6, "intent → bytes sent", ("smtp", "http"), BACK, together=True),
        Accepted(7, "accepted → outcome", ("worker-ledger",), BACK),
        Settled(8, "outcome → ack", ("consume",), BACK),
        Reported(9, "receipt", ("delivery-ledger",), ("delivery", "ledger", "envoy")),
    )
}

#: HIGH's own way, to a worker that waits.
URGENT: Mapping[Number, Phase] = {
    phase.number: phase
    for phase in (
        OnItsWay("push", "recorded and claimed → pushed", ("router-ledger", "stream"), ("router",), ANSWER),
        Pushed("pushed", "pushed → outcome", ("worker-ledger",), ("worker-high",)),
    )
}

LOAD = UnderLoad("load", "under load", (), ())


def of(number: Number) -> Phase:
    """The phase of that number, or the load."""
    return {**PHASES, **URGENT, LOAD.number: LOAD}[number]


def make(number: Number) -> Phase:
    """A phase for one cell's use."""
    return replace(of(number), chosen=[])
