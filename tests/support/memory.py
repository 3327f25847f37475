"""What a process really takes of the machine's memory."""

from __future__ import annotations

from pathlib import Path


def resident_mib(pid: int) -> float:
    """Resident memory of a process, MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20
