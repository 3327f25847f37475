"""The dashboards that Grafana is given."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.metrics.exported import series
from tests.metrics.test_rules import NAME, ROOT, promtool, rules

FOLDER = ROOT / "deploy" / "grafana"
DASHBOARDS = sorted((FOLDER / "dashboards").glob("*.json"))


def expressions(dashboard: dict[str, Any]) -> list[str]:
    """What its panels ask Prometheus, with Grafana's variables filled in."""
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return [expr.replace("$__rate_interval", "5m").replace("$service", ".*") for expr in asked]


@pytest.fixture(params=DASHBOARDS, ids=lambda path: path.stem)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(json.loads(request.param.read_text()))


def test_it_asks_for_nothing_that_is_not_exported(dashboard: dict[str, Any]) -> None:
    known = series() | set(rules("record"))
    for expression in expressions(dashboard):
        assert set(NAME.findall(expression)) <= known, expression


def test_prometheus_understands_what_it_asks(dashboard: dict[str, Any], tmp_path: Path) -> None:
    asked = [{"record": f"asked:{n}", "expr": expr} for n, expr in enumerate(expressions(dashboard))]
    file = tmp_path / "asked.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": asked}]}))
    promtool("check", "rules", file)


def test_its_panels_lie_beside_each_other(dashboard: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_it_uses_the_data_source_that_compose_provides(dashboard: dict[str, Any]) -> None:
    sources = yaml.safe_load((ROOT / "deploy" / "compose" / "grafana-datasources.yaml").read_text())["datasources"]
    (prometheus,) = [source["uid"] for source in sources if source["type"] == "prometheus"]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {prometheus}


def test_each_has_an_address_of_its_own() -> None:
    uids = [json.loads(path.read_text())["uid"] for path in DASHBOARDS]
    assert len(set(uids)) == len(uids) > 0
    assert all(re.fullmatch(r"[a-z-]{1,40}", uid) for uid in uids)
