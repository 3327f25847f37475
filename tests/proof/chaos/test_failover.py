"""Cells in which a part fails over: which are chosen, what is told of those that cannot be run, and how times are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from proof.chaos import matrix
from proof.chaos.__main__ import arguments, chaos
from proof.chaos.arrangement import Arrangement
from proof.chaos.cell import Again, again_after
from proof.chaos.evidence import Evidence, Receipt, Row, Rules
from proof.chaos.failover import parts
from proof.chaos.journal import Acknowledgement, Journal
from proof.chaos.load import Load


class Nowhere(Arrangement):
    """Needs what no machine has."""

    @classmethod
    def missing(cls) -> str:
        return "no-such-server"


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (["*"], len(parts.PARTS)),
        (["postgres-failover*"], 1),
        (["postgres-failover@load", "kill@7"], 1),
        (["*@load"], len(parts.PARTS)),
        (["*@5"], 0),
        (matrix.QUICK, 0),
    ],
    ids=str,
)
def test_cells_beside_the_matrix_are_chosen_by_their_names(patterns: Sequence[str], chosen: int) -> None:
    found = parts.cells(patterns, range(1, 4))
    assert [len(runs) for runs in found] == [3] * chosen


async def test_a_part_that_is_not_installed_is_told_and_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for fault in parts.PARTS:
        monkeypatch.setitem(parts.PARTS, fault, Nowhere)
    file = tmp_path / "report.json"
    assert await chaos(arguments(["--cells", "*@load", "--report", str(file)])) == 0
    names = [runs[0].name for runs in parts.cells(["*"], [1])]
    told = dict.fromkeys(names, "no-such-server is not installed")
    assert json.loads(file.read_text())["totals"]["not_run"] == told
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines[:-1]] == [[name, f"not run: {why}"] for name, why in told.items()]


def recorded(notification_id: str, created_at: float) -> Row:
    return Row(notification_id, "acme", "u", "EMAIL", "to", "", "SENT", False, 3, created_at, None, created_at, 1)


def test_work_goes_on_with_the_first_that_was_recorded_after_the_strike() -> None:
    ask = Load("1", "c").steps(1)[0].asks[0]
    told = [Acknowledgement(ask, "before", 10.5), Acknowledgement(ask, "b", 14.0), Acknowledgement(ask, "a", 13.0)]
    receipts = [Receipt("before", "", "", 11.0), Receipt("a", "", "", 15.0), Receipt("b", "", "", 14.5)]
    rows = [recorded("before", 9.0), recorded("a", 12.0), recorded("b", 12.5)]
    evidence = Evidence(Journal(acknowledged=told), rows, {}, receipts, [], Rules(10, 60.0))
    assert again_after(evidence, 10.0) == Again(3.0, 4.5)
    assert again_after(evidence, 20.0) == Again(None, None)
