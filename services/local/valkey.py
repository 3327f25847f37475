"""Valkey of a local run: rate limits in database 0, Celery's broker in database 1.

It asks for a password, as other users of the machine reach the loopback interface too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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


def config_file(plan: Plan) -> Path:
    return plan.home.data / "valkey.conf"


def prepare(plan: Plan) -> None:
    """Writes the password into a file of the owner's alone: everybody can read a command line."""
    file = config_file(plan)
    file.touch(mode=0o600)
    file.write_text(f"requirepass {plan.home.secret('valkey')}\n", encoding="ascii")


def command(plan: Plan) -> Sequence[str]:
    """The server's command line."""
    options = [part for key, value in SETTINGS.items() for part in (f"--{key}", value)]
    place = ["--port", str(plan.ports.valkey), "--dir", str(plan.home.data)]
    return [str(wheels.valkey_server()), str(config_file(plan)), *place, *options]
