"""The overview: the page, and the figures that its script asks for every two seconds."""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pulse_client import PulseError
from pulse_client.enums import Channel
from pulse_client.models import Cost
from services.console.views.monitor import Figures, Monitor, Monitors
from services.console.views.tally import Tally
from services.console.web.page import Pages


class Overview:
    """Shows how things go."""

    def __init__(self, pages: Pages, monitors: Monitors) -> None:
        self._pages = pages
        self._monitors = monitors

    async def show(self, request: Request) -> Response:
        """The page; its figures come by script."""
        return self._pages.page(request, "overview.html")

    async def figures(self, request: Request) -> Response:
        """JSON: the newest figures, the samples after ``after`` (Unix time, s), and the error if there is one."""
        monitor = self._monitors.of(request.state.gateway)
        await monitor.refresh()
        return JSONResponse(_as_json(monitor, _number(request.query_params.get("after", ""))))


def _as_json(monitor: Monitor, after: float) -> dict[str, Any]:
    return {
        "error": _error(monitor.error) if monitor.error else None,
        "history": monitor.history.columns(after),
        "figures": _figures(monitor.figures) if monitor.figures else None,
    }


def _error(error: PulseError) -> dict[str, str]:
    return {"reason": error.reason, "message": error.message, "hint": error.hint}


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "lanes": [
            {
                "lane": queue.lane,
                "due": queue.due,
                "waiting": queue.waiting,
                "sending": queue.sending,
                "age": queue.oldest_due_age.total_seconds(),
            }
            for queue in figures.queues
        ],
        "channels": [_tally(tally) for tally in figures.channels],
        "providers": [_tally(tally) for tally in figures.providers],
        "average_retry_attempts": figures.average_retry_attempts,
        "costs": [_cost(cost) for cost in figures.costs],
        "hours": {
            "start": [hour.timestamp() for hour in figures.hours],
            "channels": {
                channel: [counts.get(channel, 0) for counts in figures.hours.values()]
                for channel in Channel
                if channel is not Channel.UNSPECIFIED
            },
        },
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "day": cost.day.isoformat(),
        "channel": cost.channel,
        "provider": cost.provider,
        "cost": f"{cost.price.amount:f} {cost.price.currency}",
        "count": cost.count,
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {**dataclasses.asdict(tally), "accepted": tally.accepted, "success_rate": tally.success_rate}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
