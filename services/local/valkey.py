"""Valkey of a local run: rate limits in database 0, Celery's broker in database 1."""

from __future__ import annotations

from collections.abc import Sequence

from services.local import wheels
from services.local.plan import Plan
from services.local.ports import HOST

#: Nothing in it is the truth, so nothing is written to disk; and a broker must never evict.
SETTINGS = {
    "bind": HOST,
    "databases": "2",
    "save": "",
    "appendonly": "no",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


def command(plan: Plan) -> Sequence[str]:
    """The server's command line."""
    options = [part for key, value in SETTINGS.items() for part in (f"--{key}", value)]
    return [str(wheels.valkey_server()), "--port", str(plan.ports.valkey), "--dir", str(plan.home.data), *options]
