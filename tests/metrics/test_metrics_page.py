"""docs/metrics.md has every exported metric with its labels, and no other."""

from __future__ import annotations

import re

from tests.metrics.exported import EXPORTED
from tests.metrics.test_rules import ROOT

_ROW = re.compile(r"^\| `(pulse_\w+)`[ *]*\| ([^|]*)\| ([^|]*)\|", re.M)


def test_the_page_is_current() -> None:
    rows = _ROW.findall((ROOT / "docs" / "metrics.md").read_text())
    shown = {name.removesuffix("_total"): frozenset(re.findall(r"`(\w+)`", labels)) for name, labels, _ in rows}
    assert len(shown) == len(rows)
    assert shown == {name: one.labels for name, one in EXPORTED.items()}
