"""What each role of a local run is doing, kept in ``run/status.json`` by the supervisor."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from services.local.config import LocalSettings
from services.local.home import Home
from services.local.roles import ROLES


class State(StrEnum):
    """States of a role. DONE is a step's alone, and steps that are done are not reported."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True)
class RoleStatus:
    """One row of ``pulse status``; ``pid`` is None while nothing runs, ``address`` host:port or empty."""

    role: str
    pid: int | None
    state: State
    address: str


def report(settings: LocalSettings) -> list[RoleStatus]:
    """All roles of the run in ``PULSE_HOME`` as they are now, and the steps of its start that are not done yet;
    all stopped when nothing runs there."""
    home = Home.of(settings)
    names = [role.name for role in ROLES if not role.once]
    known = {status.role: status for status in _read(home.status_file)} if home.holder() is not None else {}
    if not known and home.holder() is not None:
        return [RoleStatus(name, None, State.STARTING, "") for name in names]
    steps = [step for name, step in known.items() if name not in names]
    return [_checked(known.get(name, RoleStatus(name, None, State.STOPPED, ""))) for name in names] + steps


def all_ready(statuses: Sequence[RoleStatus]) -> bool:
    """Whether the suite is up; what the exit status of ``pulse status`` says."""
    return all(status.state is State.READY for status in statuses)


def write(path: Path, statuses: Sequence[RoleStatus]) -> None:
    """Replaces the file in one step, so that a reader never sees half of it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps([asdict(status) for status in statuses], indent=1))
    fresh.replace(path)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for yet does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
    except PermissionError:
        return True
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def _checked(status: RoleStatus) -> RoleStatus:
    """A process can have died within the moment that its supervisor takes to notice."""
    if status.state is State.READY and not (status.pid and is_alive(status.pid)):
        return RoleStatus(status.role, None, State.RESTARTING, status.address)
    return status


def _read(path: Path) -> list[RoleStatus]:
    try:
        rows = json.loads(path.read_text())
        return [RoleStatus(row["role"], row["pid"], State(row["state"]), row["address"]) for row in rows]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []
