"""A report as ghz writes it: the same fields, durations as whole nanoseconds."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proof.load.ghz.config import Config, Schedule
from proof.load.ghz.durations import nanoseconds

PERCENTAGES = (10, 25, 50, 75, 90, 95, 99)
BUCKETS = 10
OK = "OK"
#: Calls that are told one by one; ghz keeps as many.
MOST_DETAILS = 1_000_000


@dataclass(frozen=True)
class Answered:
    """One call that has ended; ``began`` in s since 1970, ``latency`` in s, ``error`` empty if it went well."""

    began: float
    latency: float
    status: str = OK
    error: str = ""


def report(config: Config, answers: Sequence[Answered], total_s: float, end: str, now: dt.datetime) -> dict[str, Any]:
    """``answers`` in the order in which they came; ``end`` is normal, cancel or timeout."""
    counted = answers[config.skip_first :]
    found: dict[str, Any] = {
        "name": config.name,
        "endReason": end,
        "options": options(config),
        "date": now.isoformat(timespec="seconds"),
        "count": len(counted),
        "total": nanoseconds(total_s),
        "average": nanoseconds(sum(one.latency for one in counted) / len(counted)) if counted else 0,
        "fastest": 0,
        "slowest": 0,
        "rps": len(counted) / total_s if total_s else 0.0,
        "errorDistribution": dict(Counter(one.error for one in counted if one.error)),
        "statusCodeDistribution": dict(Counter(one.status for one in counted)),
        "latencyDistribution": None,
        "histogram": None,
        "details": [_detail(one) for one in counted[:MOST_DETAILS]],
        "tags": dict(config.tags),
    }
    latencies = sorted(one.latency for one in counted if config.count_errors or not one.error)
    if latencies:
        found |= {
            "fastest": nanoseconds(latencies[0]),
            "slowest": nanoseconds(latencies[-1]),
            "latencyDistribution": latency_distribution(latencies),
            "histogram": histogram(latencies),
        }
    # Go leaves out what is empty here.
    return {key: value for key, value in found.items() if value or key not in ("name", "tags")}


def latency_distribution(latencies: Sequence[float]) -> list[dict[str, int]]:
    """Of sorted latencies, by nearest rank."""
    ranks = [max(0, -(-percentage * len(latencies) // 100) - 1) for percentage in PERCENTAGES]
    return [
        {"percentage": percentage, "latency": nanoseconds(latencies[rank])}
        for percentage, rank in zip(PERCENTAGES, ranks, strict=True)
    ]


def histogram(latencies: Sequence[float]) -> list[dict[str, float]]:
    """Eleven marks (s), evenly apart from the fastest to the slowest; each counts what lies above the one before."""
    fastest, slowest = latencies[0], latencies[-1]
    marks = [fastest + (slowest - fastest) * place / BUCKETS for place in range(BUCKETS)] + [slowest]
    counts = [0] * len(marks)
    place = 0
    for latency in latencies:
        while latency > marks[place] and place < BUCKETS:
            place += 1
        counts[place] += 1
    return [
        {"mark": mark, "count": count, "frequency": count / len(latencies)}
        for mark, count in zip(marks, counts, strict=True)
    ]


def options(config: Config) -> dict[str, Any]:
    """The settings as reports repeat them: what is empty is left out, but for what is always told."""
    given: Mapping[str, Any] = {
        "call": config.call,
        "host": config.host,
        "proto": config.proto,
        "protoset": config.protoset,
        "import-paths": list(config.import_paths),
        "cacert": config.cacert,
        "cert": config.cert,
        "key": config.key,
        "cname": config.cname,
        "authority": config.authority,
        "lb-strategy": config.lb_strategy,
        "rps": config.rps,
        "async": config.is_async,
        "total": config.total,
        "concurrency": config.concurrency,
        "connections": config.connections,
        "duration": nanoseconds(config.duration),
        "duration-stop": config.duration_stop if config.duration else "",
        "max-duration": nanoseconds(config.max_duration),
        "timeout": nanoseconds(config.timeout),
        "dial-timeout": nanoseconds(config.connect_timeout),
        "keepalive": nanoseconds(config.keepalive),
        "data": config.data[0] if len(config.data) == 1 else list(config.data),
        "metadata": dict(config.metadata),
        "name": config.name,
        "skipFirst": config.skip_first,
        "count-errors": config.count_errors,
    }
    schedules = _schedule("load", config.load) | _schedule("concurrency", config.concurrency_schedule)
    always = {"insecure": config.insecure, "binary": False, "CPUs": os.cpu_count() or 1}
    return always | schedules | {key: value for key, value in given.items() if value}


def _schedule(of: str, schedule: Schedule) -> dict[str, Any]:
    return {
        f"{of}-schedule": schedule.kind,
        f"{of}-start": schedule.start,
        f"{of}-end": schedule.end,
        f"{of}-step": schedule.step,
        f"{of}-step-duration": nanoseconds(schedule.step_duration),
        f"{of}-max-duration": nanoseconds(schedule.max_duration),
    }


def _detail(one: Answered) -> dict[str, Any]:
    began = dt.datetime.fromtimestamp(one.began, dt.UTC).isoformat()
    return {"timestamp": began, "latency": nanoseconds(one.latency), "error": one.error, "status": one.status}
