"""docs/scaling.md shows what the costs make."""

from __future__ import annotations

import tomllib

from tools import scaling


def test_the_tables_of_the_page_are_current() -> None:
    page = scaling.PAGE.read_text(encoding="utf-8")
    made = scaling.render(page, tomllib.loads(scaling.COSTS.read_text(encoding="utf-8")))
    assert page == made, "python tools/scaling.py --write"


def test_all_tables_are_on_the_page() -> None:
    rows = [line for line in scaling.PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| 100,000 |")]
    assert len(rows) == 3
