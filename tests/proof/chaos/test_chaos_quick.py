"""A few cells of the matrix, for every test run; `make chaos` runs all of it."""

from __future__ import annotations

import json
from pathlib import Path

from proof.chaos.__main__ import arguments, chaos
from proof.chaos.matrix import QUICK


async def test_nothing_acknowledged_is_lost_under_a_few_faults(tmp_path: Path) -> None:
    """A worker killed, the broker wiped, PostgreSQL crashed, providers gone mad: each in the phase where it hurts."""
    file = tmp_path / "report.json"
    given = [
        "--quick",
        "--seeds",
        "1",
        "--notifications",
        "90",
        "--report",
        str(file),
        "--home",
        str(tmp_path / "home"),
    ]
    status = await chaos(arguments(given))
    report = json.loads(file.read_text())
    assert {cell["cell"] for cell in report["cells"]} == set(QUICK)
    assert [run["found"] for cell in report["cells"] for run in cell["each"]] == [[]] * len(QUICK)
    assert (report["totals"]["lost"], report["totals"]["phantom"], status) == (0, 0, 0)
