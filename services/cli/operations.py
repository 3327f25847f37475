"""``pulse queues`` and ``stats``."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from services.cli import output, parse
from services.cli.options import Address, Json


def queues(json: Json = False, address: Address = "") -> None:
    """Show what waits in each lane."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        depths = client.queue_depths()
    if json:
        output.print_json(depths)
        return
    output.print_table(
        ("LANE", "DUE", "WAITING", "SENDING", "OLDEST DUE"),
        [(d.lane, d.due, d.waiting, d.sending, d.oldest_due_age) for d in depths],
    )


def stats(
    window: Annotated[
        dt.timedelta | None,
        typer.Option("--window", parser=parse.length, metavar="LENGTH", help="what was accepted within: 1h, 24h, 7d"),
    ] = None,
    json: Json = False,
    address: Address = "",
) -> None:
    """Count notifications by channel and status; what providers said that they cost, by day."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        statistics = client.statistics(window)
    if json:
        output.print_json(statistics)
        return
    counts = sorted(statistics.counts, key=lambda count: (count.channel, count.status))
    output.print_table(("CHANNEL", "STATUS", "COUNT"), [(c.channel, c.status, c.count) for c in counts])
    if statistics.costs:
        output.print_table(
            ("DAY", "CHANNEL", "PROVIDER", "COST", "CURRENCY", "ATTEMPTS"),
            [
                (c.day, c.channel, c.provider, f"{c.price.amount:f}", c.price.currency, c.count)
                for c in statistics.costs
            ],
        )
    output.say(f"average attempts of those that are retrying: {statistics.average_retry_attempts:.2f}")
