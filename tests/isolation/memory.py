"""Memory of processes at its highest, as Linux keeps it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: What is told: each of these once took hundreds of MiB.
TOLD = ("gateway", "ledger", "envoy")
#: Writing this to ``clear_refs`` makes the highest size the present one (proc_pid_clear_refs(5)).
RESET = "5"


@dataclass(frozen=True)
class Growth:
    """Resident memory of one process before, at its highest, and afterwards, MiB."""

    before: int
    highest: int
    after: int


class Memory:
    """Watches processes, by role, from now on."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        for pid in pids.values():
            Path(f"/proc/{pid}/clear_refs").write_text(RESET)
        self._before = {role: _mib(pid, "VmRSS") for role, pid in pids.items()}

    def growth(self) -> dict[str, Growth]:
        """What became of each."""
        return {
            role: Growth(self._before[role], _mib(pid, "VmHWM"), _mib(pid, "VmRSS")) for role, pid in self._pids.items()
        }


def _mib(pid: int, field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) // 1024
