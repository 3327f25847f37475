"""``python -m proof.load.steady``: a steady load through Envoy, while something else restarts, upgrades or breaks.

Sends at a set rate for a time, or until it is told to stop (SIGINT, SIGTERM), and tries nothing again. Then it asks for
each notification that was accepted whether it has arrived, and how often. The exit status is 0 if every request was
accepted and everything has arrived, once unless a provider gave no answer, else 1. Works against anything that runs:
`make up`, compose, Kubernetes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from proof.load.steady.deliveries import Deliveries, deliveries, receipts
from proof.load.steady.sending import Answers, SteadyLoad

#: Longest wait for an answer, s: longer than any stop, so that a request that is held up is seen as such.
ANSWER_S = 30.0

#: A connection that has not been used for so long is closed, s: before an Envoy that leaves closes it.
IDLE_S = 5.0


def main(given: Sequence[str] | None = None) -> int:
    """The exit status."""
    options = _arguments(given)
    report = asyncio.run(_run(options))
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(_told(report))
    return 0 if report["held"] else 1


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.load.steady", description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8000", help="URL of Envoy")
    parser.add_argument("--sandbox", help="URL of the sandbox: asked too how often it received each")
    parser.add_argument("--key", help="an API key with the scopes send and read, where keys are asked for")
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second (20)")
    parser.add_argument("--time", type=float, help="seconds to send for; else until told to stop")
    parser.add_argument("--settle", type=float, default=180.0, help="seconds that the last may take to arrive (180)")
    parser.add_argument("--report", type=Path, help="a file for the report, in JSON")
    return parser.parse_args(given)


async def _run(options: argparse.Namespace) -> dict[str, Any]:
    """The report."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _client(options.address, options.key) as client:
        load = SteadyLoad(client, options.rate)
        await load.send(stop, options.time)
        ended = time.monotonic()
        found = await deliveries(client, load.answers.accepted, options.settle)
        settled_s = time.monotonic() - ended
    if options.sandbox is not None:
        async with _client(options.sandbox, None) as sandbox:
            _correct(found, load.answers, await receipts(sandbox, load.answers.accepted))
    return _report(load.answers, found, settled_s)


def _client(address: str, key: str | None) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, keepalive_expiry=IDLE_S)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(base_url=address, timeout=ANSWER_S, limits=limits, headers=headers, trust_env=False)


def _correct(found: Deliveries, answers: Answers, received: dict[str, int]) -> None:
    """What the sandbox has counts for more than what the ledger says."""
    found.missing |= {each: "never received" for each in answers.accepted if not received.get(each)}
    found.repeated |= {each: times for each, times in received.items() if times > 1}


def _report(answers: Answers, found: Deliveries, settled_s: float) -> dict[str, Any]:
    held = answers.sent > 0 and not (answers.failed or found.missing or found.unexplained())
    return {
        "held": held,
        "sent": answers.sent,
        "answers": dict(answers.counts),
        "failed": answers.failed,
        "failures": answers.failures,
        "slowest_s": round(answers.slowest_s, 3),
        "accepted": len(answers.accepted),
        "accepted_ids": answers.accepted,
        "arrived": len(answers.accepted) - len(found.missing),
        "missing": found.missing,
        "repeated": found.repeated,
        "unanswered": found.unanswered,
        "unexplained": found.unexplained(),
        "settled_s": round(settled_s, 1),
    }


def _told(report: dict[str, Any]) -> str:
    """The report in a few lines."""
    lines = [
        f"{report['sent']} sent, {report['failed']} failed, slowest {report['slowest_s'] * 1000:.0f} ms",
        f"{report['accepted']} accepted, {report['arrived']} arrived, {len(report['repeated'])} of them more than once",
        *report["failures"],
        *(f"{each}: {status}" for each, status in [*report["missing"].items()][:20]),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
