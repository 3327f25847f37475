"""What happens when the first provider of a route fails for a while in the middle of a load."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from proof.bench.bench import Bench, Runs
from proof.bench.figures import Row, at_most
from proof.bench.spec import Result
from services.local.plan import Plan

PRIMARY, SECONDARY = "smtp", "ses"
FAULT = {"provider": PRIMARY, "action": "status", "value": 451}
#: Load before the outage, and after it until the way back must have been found, in lengths of the outage.
BEFORE, AFTER = 0.3, 1.7


def two_providers(plan: Plan) -> Mapping[str, str]:
    """Settings that put SES behind SMTP, both the sandbox's."""
    return {
        "PULSE_ROUTER_EMAIL_ROUTE": f"{PRIMARY},{SECONDARY}",
        "PULSE_SES_REGION": "us-east-1",
        "PULSE_SES_BASE_URL": f"http://{plan.ports.address('sandbox')}",
        "PULSE_AWS_ACCESS_KEY_ID": "bench",
        "PULSE_AWS_SECRET_ACCESS_KEY": "bench",
    }


class Seen(NamedTuple):
    """One receipt: who took it, when (s since 1970)."""

    notification_id: str
    provider: str
    at: float


async def failover(bench: Bench) -> Row:
    """Steady LOW load; the primary refuses everything for ``outage_s``."""
    sizes = bench.sizes
    row = Row("failover", f"the first of two email providers fails for {sizes.outage_s:g} s in mid-load")
    runs = Runs()
    for number in range(sizes.runs):
        began = time.time()
        result, failed_at, mended_at = await _outage(bench)
        await bench.drain()
        seen = [one for one in read(bench.suite.receipt_log) if one.at >= began]
        runs.note(**judged(result, seen, failed_at, mended_at))
        bench.say(f"run {number + 1}: " + ", ".join(f"{name} {values[-1]:.2f}" for name, values in runs.values.items()))
    row.figures += [
        runs.figure("lost", "lost", "notifications", at_most(0)),
        runs.figure("twice", "delivered twice", "notifications", at_most(0)),
        runs.figure("moved", "until traffic moved", "s"),
        runs.figure("back", "until it came back", "s"),
        runs.figure("longest", "longest from call to provider", "s"),
    ]
    row.notes.append(f"{sizes.failover_rate:g} a second, {PRIMARY} before {SECONDARY}")
    return row


async def _outage(bench: Bench) -> tuple[Result, float, float]:
    """The load's result, and when the fault began and ended."""
    sizes = bench.sizes
    count = int(sizes.failover_rate * sizes.outage_s * (BEFORE + 1 + AFTER))
    load = asyncio.create_task(bench.load("paced", count, rate=sizes.failover_rate, warm=sizes.warm // 10))
    try:
        await asyncio.sleep(sizes.outage_s * BEFORE)
        await bench.suite.sandbox("PUT", "/api/faults", json=[FAULT])
        failed_at = time.time()
        await asyncio.sleep(sizes.outage_s)
    finally:
        await bench.suite.sandbox("PUT", "/api/faults", json=[])
    mended_at = time.time()
    return await load, failed_at, mended_at


def read(log: Path) -> list[Seen]:
    """The sandbox's receipts."""
    lines = log.read_text().splitlines() if log.exists() else []
    found = map(json.loads, lines)
    return [Seen(one["notification_id"], one["provider"], _seconds(one["received_at"])) for one in found]


def judged(result: Result, seen: Sequence[Seen], failed_at: float, mended_at: float) -> dict[str, float]:
    """Traffic has moved with the secondary's first receipt after the fault began, and has come back with the primary's
    first after it ended. Times in s."""
    sent = {id_: at / 1e9 for id_, at in result.ids}
    counts = Counter(one.notification_id for one in seen)
    arrived = {one.notification_id: one.at for one in reversed(seen)}
    outage = [one.at for one in seen if failed_at <= one.at < mended_at and one.provider == SECONDARY]
    back = [one.at for one in seen if one.at >= mended_at and one.provider == PRIMARY]
    return {
        "lost": sum(id_ not in counts for id_ in sent),
        "twice": sum(counts[id_] > 1 for id_ in sent),
        "moved": min(outage, default=mended_at) - failed_at,
        "back": min(back, default=time.time()) - mended_at,
        "longest": max((arrived[id_] - at for id_, at in sent.items() if id_ in arrived), default=0.0),
    }


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
