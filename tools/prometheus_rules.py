"""Writes deploy/k8s/components/monitoring/rules.yaml: the rules of deploy/prometheus as the operator wants them."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "deploy" / "prometheus" / "rules"
TARGET = ROOT / "deploy" / "k8s" / "components" / "monitoring" / "rules.yaml"

HEAD = """\
# Generated from deploy/prometheus/rules by tools/prometheus_rules.py.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: pulse}
spec:
  groups:
"""


def render() -> str:
    """The groups of all files, in the files' own words."""
    groups = (_groups(path) for path in sorted(RULES.glob("*.yaml"), reverse=True))
    return HEAD + "".join(textwrap.indent(each, "  ") for each in groups)


def _groups(path: Path) -> str:
    """What stands below ``groups:``."""
    return path.read_text().partition("\ngroups:\n")[2]


if __name__ == "__main__":
    TARGET.write_text(render())
    sys.stdout.write(f"{TARGET.relative_to(ROOT)}\n")
