"""One cell of the matrix: a fault that strikes while notifications stand in a phase, and what came of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from proof.chaos import gathering, phases
from proof.chaos.checker import Verdict, check
from proof.chaos.driver import Driver
from proof.chaos.evidence import Evidence, Receipt, Rules, Snapshot
from proof.chaos.faults import Fault
from proof.chaos.faults_of_traffic import RETRY_AFTER_CODES, RETRY_AFTER_S
from proof.chaos.findings import Violation
from proof.chaos.invariants.of_entries import ENDED
from proof.chaos.journal import Journal
from proof.chaos.listening import Listener
from proof.chaos.load import Load
from proof.chaos.suite import Suite
from proof.chaos.window import Window
from proof.waiting import until

#: Longest wait for everything to end, s; whatever is unfinished then is a violation of I2.
QUIET_S = 60.0
#: Spread of the load before and after the strike, s.
SPREAD_S = 0.5


@dataclass(frozen=True)
class Cell:
    """Which fault, in which phase, from which seed: with the number of notifications, all that a replay needs."""

    fault: type[Fault]
    phase: phases.Number
    seed: int

    @property
    def name(self) -> str:
        return f"{self.fault.name}@{self.phase}"

    @property
    def prefix(self) -> str:
        """Begins every user of the cell."""
        return f"s{self.seed}{self.fault.name}{self.phase}"


@dataclass(frozen=True)
class Again:
    """How long after a strike it was until something that came after it was acknowledged, and was at its provider, s.

    None: nothing was.
    """

    accepted_s: float | None
    sent_s: float | None


@dataclass
class Result:
    """What one run of a cell showed. ``in_phase``: notifications that stood in the phase when the fault struck.

    ``recoveries_s`` count from when every role was ready again, ``outages_s`` from the strike: the fault's own time and
    the processes' starts are in them. ``again``: how soon after the strike the suite did its work again.
    """

    cell: Cell
    what: str
    in_phase: int
    verdict: Verdict
    journal: Journal
    recoveries_s: Sequence[float]
    outages_s: Sequence[float]
    again: Again
    seconds: float
    restart_s: float
    deaths: list[str]
    snapshots: list[Snapshot]
    rules: Rules
    #: What the fault itself found broken afterwards.
    aftermath: list[Violation]


async def run(suite: Suite, cell: Cell, notifications: int) -> Result:
    """Runs a cell on a suite that is whole, and leaves it whole; raises TimeoutError if it does not become so."""
    began = time.monotonic()
    chance = random.Random(f"{cell.seed}/{cell.name}")
    _, log_start = gathering.read_receipts(suite.receipt_log)
    driver = Driver(suite.link("client").address, cell.prefix)
    window = Window(suite, driver, cell.prefix, log_start)
    load = Load(cell.prefix, cell.prefix)
    third = notifications // 3
    fault = cell.fault(window, phase := phases.make(cell.phase), chance)
    listener = Listener(suite.link("client").address)
    await listener.start()
    books = asyncio.create_task(window.watch_books())
    suite.deaths.clear()
    try:
        driver.start(load.steps(third, burst=True), SPREAD_S)
        await asyncio.sleep(SPREAD_S)
        await fault.prepare()
        await phase.arm(window, chance)
        driver.start(load.steps(third), phase.spread_s)
        in_phase = await phase.fill(window)
        struck_at = time.time()
        await fault.strike()
        await phase.release(window)
        await asyncio.sleep(fault.lasts_s)
    finally:
        restart_s = await _whole_again(suite, fault)
    healed_at = time.time()
    driver.start(load.steps(third), SPREAD_S)
    await driver.finish()
    evidence = await _when_quiet(suite, window, fault)
    aftermath = [*await fault.aftermath(), *await _heard(suite, window, listener, evidence)]
    books.cancel()
    await asyncio.gather(books, return_exceptions=True)
    return Result(
        cell,
        fault.what,
        in_phase,
        _judged(evidence, aftermath),
        driver.journal,
        ended_after(evidence, healed_at),
        ended_after(evidence, struck_at),
        again_after(evidence, struck_at),
        time.monotonic() - began,
        restart_s,
        list(suite.deaths),
        window.snapshots,
        evidence.rules,
        aftermath,
    )


async def judge_again(suite: Suite, results: Sequence[Result]) -> None:
    """Judges cells once more by what has come since: a receipt may be later than the end of its cell."""
    by_id: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in gathering.read_receipts(suite.receipt_log)[0]:
        by_id[receipt.notification_id].append(receipt)
    async with suite.database() as connection:
        for result in results:
            evidence = await gathering.gather(
                connection, result.cell.prefix, result.journal, [], result.snapshots, result.rules
            )
            own = {row.notification_id for row in evidence.rows}
            receipts = [receipt for one in own for receipt in by_id.get(one, ())]
            result.verdict = _judged(replace(evidence, receipts=receipts), result.aftermath)


def _judged(evidence: Evidence, aftermath: list[Violation]) -> Verdict:
    verdict = check(evidence)
    return replace(verdict, violations=[*verdict.violations, *aftermath])


async def _whole_again(suite: Suite, fault: Fault) -> float:
    """Ends the fault and waits until every role is ready; how long that took, s."""
    began = time.monotonic()
    await fault.heal()
    await suite.sandbox("PUT", "/api/faults", json=[])
    for link in suite.links.values():
        link.release()
    await suite.until_ready()
    suite.pardon()
    return time.monotonic() - began


async def _when_quiet(suite: Suite, window: Window, fault: Fault) -> Evidence:
    """The evidence once nothing is pending any more, or after :data:`QUIET_S`."""
    async with suite.database() as connection:

        async def quiet() -> bool:
            return (await gathering.books(connection, window.prefix))[2] == 0

        await until(quiet, QUIET_S, 0.1)
        await asyncio.sleep(0.3)  # callbacks, and whatever else comes late
        receipts, _ = gathering.read_receipts(suite.receipt_log, window.log_start)
        rules = Rules(
            suite.profile.limit,
            suite.profile.window_s,
            dict.fromkeys(RETRY_AFTER_CODES, RETRY_AFTER_S) if fault.name == "provider" else {},
        )
        return await gathering.gather(
            connection, window.prefix, window.driver.journal, receipts, window.snapshots, rules
        )


async def _heard(suite: Suite, window: Window, listener: Listener, evidence: Evidence) -> list[Violation]:
    """I21, by what was told until now and a look at the ledger after it."""
    missed = await listener.missed(evidence.events)
    await listener.stop()
    async with suite.database() as connection:
        later = await gathering.gather(connection, window.prefix, window.driver.journal, [], [], evidence.rules)
    return [*missed, *listener.invented(later.events)]


def ended_after(evidence: Evidence, moment: float) -> list[float]:
    """For each notification that was accepted before ``moment`` and ended after it: how long after, s.

    Left out are those that were asked for later.
    """
    later = {ask.to for ask in evidence.journal.asked if ask.send_at}
    found = []
    for row in evidence.rows:
        if row.created_at > moment or row.to in later:
            continue
        timeline = sorted(evidence.events[row.notification_id], key=lambda event: event.sequence)
        ended = next((event.at for event in timeline if event.status in ENDED), None)
        if ended is not None and ended > moment:
            found.append(ended - moment)
    return found


def again_after(evidence: Evidence, moment: float) -> Again:
    """How long after ``moment`` the first of those that were recorded after it was acknowledged, and was sent."""
    new = {row.notification_id for row in evidence.rows if row.created_at > moment}
    accepted = [one.at - moment for one in evidence.journal.acknowledged if one.notification_id in new]
    sent = [receipt.at - moment for receipt in evidence.receipts if receipt.notification_id in new]
    return Again(min(accepted, default=None), min(sent, default=None))
