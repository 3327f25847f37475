"""What every row is given: the suite at hand, the sizes, and the ways to put a load on and to write down its cost."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

from proof.bench import children, floors
from proof.bench.asks import BODY, KINDS, SUBJECT
from proof.bench.figures import Figure, Goal, Row, merged_cpu, percentile
from proof.bench.sizes import Sizes
from proof.bench.spec import Result, Spec
from proof.bench.suite import API_KEYS, TENANT, Suite
from pulse_client import AsyncClient, Channel, PulseError, Template, TemplateContent

#: The generator's share of the CPU cost of a row.
GENERATOR = "load generator"


class Refused(Exception):
    """Notifications were refused that had to be accepted; the text counts them by code."""


@dataclass
class Bench:
    """One suite under measurement. ``say`` shows a line of progress."""

    suite: Suite
    sizes: Sizes
    say: Callable[[str], None]
    floors: floors.Floors = field(default_factory=floors.Floors)

    async def load(self, way: str, count: int, *, tenant: str = TENANT, **changes: Any) -> Result:
        """Puts a load on the suite; every notification must be accepted, else :class:`Refused`."""
        address = self.suite.rest if way == "rest" else self.suite.grpc
        settings: dict[str, Any] = {
            "way": way,
            "address": address,
            "prefix": uuid.uuid4().hex[:12],
            "count": count,
            "api_key": API_KEYS[tenant],
            "in_flight": self.sizes.batch_in_flight if way == "batch" else self.sizes.in_flight,
        }
        result = await children.generate(Spec(**(settings | changes)), self.sizes.patience_s)
        if result.refused:
            raise Refused(", ".join(f"{number} times {code}" for code, number in result.refused.items()))
        self.suite.check()
        return result

    async def backlog(self, count: int, **changes: Any) -> Result:
        """Has ``count`` notifications accepted, in batches."""
        return await self.load("batch", count, **changes)

    async def drain(self) -> None:
        """Returns once nothing waits."""
        await self.suite.until_drained(self.sizes.patience_s)

    def cost(self) -> Cost:
        """Begins to write down CPU time."""
        return Cost(self.suite)


class Cost:
    """CPU time of the suite from its making on."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._before = suite.cpu()

    def per_thousand(self, notifications: int, generator: float = 0.0) -> dict[str, float]:
        """CPU seconds per 1,000 notifications by process; of the generator, ``generator`` seconds were counted."""
        spent = {name: after - self._before.get(name, 0.0) for name, after in self._suite.cpu().items()}
        spent[GENERATOR] = generator
        return {name: seconds * 1000 / notifications for name, seconds in spent.items() if seconds > 0}


@dataclass
class Runs:
    """Figures of a row as they come, run by run."""

    values: dict[str, list[float]] = field(default_factory=dict)
    cpu: list[dict[str, float]] = field(default_factory=list)

    def note(self, **figures: float) -> None:
        """One run's figures, by name."""
        for name, value in figures.items():
            self.values.setdefault(name, []).append(value)

    def note_load(self, result: Result) -> None:
        """A closed loop's rate and latencies."""
        self.note(rate=result.rate, p50=percentile(result.latencies, 0.5), p99=percentile(result.latencies, 0.99))

    def figure(
        self, key: str, name: str, unit: str, goal: Goal | None = None, floor: floors.Floor | None = None
    ) -> Figure:
        """The runs of one figure; ``floor`` is in the same unit."""
        value, floor_name = (floor.value, floor.name) if floor else (None, "")
        return Figure(name, unit, tuple(self.values[key]), goal, value, floor_name)

    def cost(self, row: Row) -> None:
        """Puts the median CPU cost into the row."""
        row.cpu = merged_cpu(self.cpu)


async def make_templates(address: str) -> None:
    """Gives each tenant the load's templates."""
    for key in API_KEYS.values():
        async with AsyncClient(address, api_key=key) as client:
            for kind in KINDS.values():
                content = TemplateContent(subject=SUBJECT, body=BODY, html_body=kind.html_body)
                template = Template(kind.template, Channel[kind.channel], (content,), category="bench")
                try:
                    await client.create_template(template)
                except PulseError as error:
                    if error.code is not grpc.StatusCode.ALREADY_EXISTS:
                        raise
