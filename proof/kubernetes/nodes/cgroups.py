"""Control groups for the pods of a node, apart from everything else on the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from proof.kubernetes.commands import Failed
from proof.kubernetes.waiting import until

#: What pods are limited by.
CONTROLLERS = ("cpu", "cpuset", "memory", "pids")

#: So many processes all pods together count as, where the machine has other work: about as many as there are pods.
#: Without it they would count as one, and none would start in time.
SHARE = 20

#: What one process counts as, in the files of version 1 and of version 2.
_SHARES = {"cpu.shares": 1024, "cpu.weight": 100}


@contextmanager
def groups(name: str, *children: str) -> Iterator[None]:
    """Groups ``/name/child`` in every hierarchy; afterwards they and all below them are gone."""
    hierarchies = _hierarchies()
    try:
        for hierarchy in hierarchies:
            for child in children:
                _make(hierarchy, name, child)
            for file, one in _SHARES.items():
                if (hierarchy / name / file).exists():
                    (hierarchy / name / file).write_text(str(SHARE * one))
        yield
    finally:
        for hierarchy in hierarchies:
            until(partial(_removed, hierarchy / name), "the pods' control groups to be empty", 30)


def _hierarchies() -> list[Path]:
    """Where they are mounted: one for each controller (version 1), one for all (version 2), or both kinds."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    found = [Path(place) for _, place, kind, *_ in mounts if kind in ("cgroup", "cgroup2")]
    if not found:
        raise Failed("the machine has no control groups")
    return found


def _make(hierarchy: Path, *names: str) -> None:
    folder = hierarchy
    for name in names:
        parent, folder = folder, folder / name
        passed_on = parent / "cgroup.subtree_control"
        if passed_on.exists():
            there = (parent / "cgroup.controllers").read_text().split()
            passed_on.write_text(" ".join(f"+{each}" for each in CONTROLLERS if each in there))
        folder.mkdir(exist_ok=True)
        # Version 1: a new group has no processors and no memory of its own before it is told.
        for inherited in ("cpuset.cpus", "cpuset.mems"):
            if (folder / inherited).exists() and not passed_on.exists():
                (folder / inherited).write_text((parent / inherited).read_text())


def _removed(top: Path) -> bool:
    """Tries to; a group that still has processes stays."""
    for folder, _, _ in os.walk(top, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError:
            return False
    return not top.exists()
