"""CPU time and memory of a process and its descendants, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Processes:
    """All processes as they are now. Sessions would not do: PostgreSQL gives each backend one of its own."""

    def __init__(self) -> None:
        self._stats = dict(_stats())

    def cpu_seconds(self, root: int) -> float:
        """User and system time of a process, its descendants, and those that they have waited for.

        A child that ends moves its time to its parent, so the sum never falls while the root lives.
        """
        return sum(spent(self._stats[pid]) for pid in self._members(root))

    def pss_bytes(self, root: int) -> int:
        """Proportional set size of a process and its descendants: what is shared counts by share."""
        return sum(_pss(pid) for pid in self._members(root))

    def _members(self, root: int) -> set[int]:
        return descendants(root, {pid: parent_of(stat) for pid, stat in self._stats.items()})


def descendants(root: int, parents: Mapping[int, int]) -> set[int]:
    """``root`` and all below it, of those that exist."""
    found = {root} & parents.keys()
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def spent(stat: str) -> float:
    """Seconds in a line of ``/proc/pid/stat``: utime, stime, cutime and cstime (fields 14 to 17)."""
    return sum(map(int, _after_name(stat)[11:15])) / TICKS


def parent_of(stat: str) -> int:
    """The parent in a line of ``/proc/pid/stat`` (field 4)."""
    return int(_after_name(stat)[1])


def pss_of(lines: Iterable[str]) -> int:
    """Bytes in the lines of ``/proc/pid/smaps_rollup``."""
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _after_name(stat: str) -> list[str]:
    """Fields from the third on: the second is a name in parentheses, which may hold anything."""
    return stat.rpartition(")")[2].split()


def _stats() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), (folder / "stat").read_text()
        except OSError:  # it has ended
            continue


def _pss(pid: int) -> int:
    try:
        return pss_of(Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    except OSError:
        return 0
