"""CPU time and memory are read from /proc as the kernel writes it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from proof.bench.usage import TICKS, Processes, descendants, parent_of, pss_of, spent

STAT = "12 (a (b) c) S 7 9 9 0 -1 4194304 1 2 3 4 100 20 30 4 20 0 1 0 5 6 7\n"


def test_a_name_may_hold_parentheses_and_spaces() -> None:
    assert parent_of(STAT) == 7
    assert spent(STAT) == 154 / TICKS


def test_descendants_are_all_below_a_process() -> None:
    assert descendants(2, {1: 0, 2: 1, 3: 2, 4: 3, 5: 1}) == {2, 3, 4}
    assert descendants(9, {1: 0}) == set()


def test_memory_is_what_the_kernel_calls_pss() -> None:
    assert pss_of(["00400000-7ffd ---p 00000000 00:00 0 [rollup]", "Rss: 900 kB", "Pss: 512 kB"]) == 512 * 1024
    assert pss_of([]) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")
def test_a_child_s_time_counts_while_it_runs_and_after_it_has_ended() -> None:
    before = Processes().cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", "sum(range(5_000_000))"], check=True)
    assert Processes().cpu_seconds(os.getpid()) - before > 0.02
    assert Processes().pss_bytes(os.getpid()) > 1_000_000


def test_time_spent_waiting_costs_nothing() -> None:
    began, before = time.monotonic(), Processes().cpu_seconds(os.getpid())
    subprocess.run(["sleep", "0.3"], check=True)
    assert Processes().cpu_seconds(os.getpid()) - before < time.monotonic() - began
