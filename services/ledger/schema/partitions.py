"""Partitions by week, made ahead.

A week's partition holds the ids made in it (``notifications_2026w47``). A row whose week has none goes to the default
partition, so that nothing ever fails for lack of one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import NamedTuple

from services.ledger.postgres.tables import PARTITIONED
from shared.ids import time_floor

WEEK = dt.timedelta(weeks=1)
_NAME = re.compile(r"[a-z]+_(\d{4}w\d{2})")


class Partition(NamedTuple):
    """One week of one table: ids from ``low`` on, below ``high``."""

    table: str
    name: str
    low: str
    high: str


def weeks(now: dt.datetime, ahead: int) -> Iterator[Partition]:
    """The partitions of the week of ``now`` and of the ``ahead`` weeks after it."""
    midnight = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - dt.timedelta(days=midnight.weekday())
    for start in (monday + WEEK * number for number in range(ahead + 1)):
        year, week, _ = start.isocalendar()
        for table in PARTITIONED:
            yield Partition(table, f"{table}_{year}w{week:02}", time_floor(start), time_floor(start + WEEK))


def week_of(name: str) -> str | None:
    """The week in a partition's name, as in 2026w48; None: it is none of ours."""
    found = _NAME.fullmatch(name)
    return found and found[1]


def end_of(week: str) -> dt.datetime:
    """When the last of its ids was made."""
    year, number = map(int, week.split("w"))
    monday = dt.date.fromisocalendar(year, number, 1)
    return dt.datetime.combine(monday, dt.time(), dt.UTC) + WEEK


def missing(table: str) -> str:
    """The question whether a partition of ``table`` is to be made; its parameters are a partition's fields.

    It is not where rows of its week have gone to the default partition: two partitions cannot hold one id.
    """
    held = f"SELECT FROM {table}_default WHERE notification_id >= %(low)s AND notification_id < %(high)s"
    return f"SELECT to_regclass(%(name)s) IS NULL AND NOT EXISTS ({held})"


def create(partition: Partition) -> str:
    """The statement that makes it. Names and bounds are made here, never taken from a request."""
    return (
        f"CREATE TABLE IF NOT EXISTS {partition.name} PARTITION OF {partition.table} "
        f"FOR VALUES FROM ('{partition.low}') TO ('{partition.high}')"
    )
