"""How much memory the cluster's own programs take."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from proof.kubernetes.commands import run
from proof.kubernetes.nodes.node import Node


def memory_mib(nodes: list[Node]) -> dict[str, int]:
    """Resident memory of every program of the nodes, by its name; the largest first."""
    found: Counter[str] = Counter()
    for node in nodes:
        for line in node.run("ps", "-e", "-o", "rss=,comm=").splitlines():
            kib, _, program = line.strip().partition(" ")
            found[program.strip()] += int(kib)
    return {program: kib // 1024 for program, kib in found.most_common()}


def disk_mib(folder: Path) -> int:
    """What lies in a folder."""
    return int(run(["du", "--summarize", "--block-size=1M", folder]).split()[0])
