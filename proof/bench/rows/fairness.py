"""Whether one tenant with a flood delays nine with little, within one lane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from proof.bench import records
from proof.bench.bench import Bench, Runs
from proof.bench.figures import Row, at_least, jain
from proof.bench.suite import API_KEYS


async def fairness(bench: Bench) -> Row:
    """The flood is accepted first, then the light tenants' share; then the worker is started."""
    sizes = bench.sizes
    row = Row("fairness", f"ten tenants in one lane, one with {sizes.flood:,} waiting, nine with {sizes.light:,}")
    runs = Runs()
    for number in range(sizes.runs):
        order = await _order(bench)
        shares = contested(order, list(API_KEYS), sizes.light)
        ahead = order.index(next(tenant for tenant in order if tenant != order[0]))
        runs.note(jain=jain(shares), ahead=ahead)
        bench.say(f"run {number + 1}: {jain(shares):.3f}, {ahead} of the flood ahead of the first light one")
    row.figures += [
        runs.figure("jain", "Jain's index while all ten wait", "", at_least(0.95)),
        runs.figure("ahead", "of the flood ahead of the first light one", "notifications"),
    ]
    return row


async def _order(bench: Bench) -> list[str]:
    """The tenants in the order in which the provider was given their notifications."""
    sizes, suite = bench.sizes, bench.suite
    await suite.stop_workers(["low"])
    start = suite.recorded("low")
    flooding, *light = API_KEYS
    owner: dict[str, str] = {}
    for tenant in (flooding, *light):
        result = await bench.backlog(sizes.flood if tenant == flooding else sizes.light, tenant=tenant)
        owner |= {id_: tenant for id_, _ in result.ids}
    await suite.start_workers(["low"])
    await bench.drain()
    return [owner[record.notification_id] for record in records.read(suite.record_file("low"), start)]


def contested(order: Sequence[str], tenants: Sequence[str], light: int) -> list[float]:
    """What each tenant got while all of them had something waiting.

    That is from the first delivery of a light tenant (what was already with the worker before is nobody's choice any
    more) until one of the light ones has all of its ``light`` notifications.
    """
    flooding = tenants[0]
    first = next((place for place, tenant in enumerate(order) if tenant != flooding), len(order))
    got: Counter[str] = Counter()
    for tenant in order[first:]:
        got[tenant] += 1
        if tenant != flooding and got[tenant] == light:
            break
    return _counts(got, tenants)


def _counts(got: Mapping[str, int], tenants: Sequence[str]) -> list[float]:
    return [float(got.get(tenant, 0)) for tenant in tenants]
