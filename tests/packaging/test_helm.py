"""The Helm chart is the manifests: made from them, and equal to them when rendered."""

from __future__ import annotations

import subprocess
import sys

import kubernetes_validate
import pytest

from tests.packaging.chart import BEFORE, CHART, LABELS, OLDEST, chart, of_helm, of_kustomize
from tests.packaging.manifests import Manifests
from tests.packaging.test_k8s_schema import OF_OPERATORS
from tests.packaging.tools import ROOT, program, run
from tools.helm_manifests import key, objects

#: Values by which the chart is what kustomize makes of an overlay.
SAME = {
    "kind": ("--values", "kind-values.yaml"),
    "production": ("--values", "production-values.yaml"),
    "production_with_options": ("--values", "production-values.yaml", "--values", "options-values.yaml"),
}
#: Components of the production overlay, by the value that switches each on.
OPTIONS = {
    "mutual-tls": "mutualTLS",
    "monitoring": "monitoring",
    "keda": "keda",
    "tracing": "tracing",
    "flower": "flower",
}


@pytest.fixture(scope="module", params=SAME)
def both(request: pytest.FixtureRequest) -> tuple[Manifests, Manifests]:
    """An overlay, and the chart with the same values."""
    return request.getfixturevalue(request.param), chart(*SAME[request.param])


def test_the_chart_is_what_the_manifests_make() -> None:
    program("kustomize", "kubectl")
    made = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "helm_chart.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert made.returncode == 0, made.stderr


def test_chart_and_overlay_have_the_same_objects(both: tuple[Manifests, Manifests]) -> None:
    overlay, rendered = of_kustomize(both[0]), of_helm(both[1])
    assert sorted(rendered) == sorted(overlay)
    for name, found in overlay.items():
        assert rendered[name] == found, name


def test_helm_knows_every_object_by_its_labels(both: tuple[Manifests, Manifests]) -> None:
    for found in both[1].objects:
        assert set(found["metadata"]["labels"]) >= LABELS, found["metadata"]["name"]


@pytest.mark.parametrize("option", OPTIONS)
def test_each_component_alone_is_the_same(option: str) -> None:
    """What one changes, it changes without the others, too."""
    overlay = objects("overlays/production", (option,))
    values = ("mutualTLS.enabled=false", "settings.PULSE_CLEARTEXT=allowed", f"{OPTIONS[option]}.enabled=true")
    rendered = of_helm(chart(*(word for value in values for word in ("--set", value))))
    rendered["ConfigMap/settings"]["data"].pop("PULSE_CLEARTEXT")
    assert rendered == {name: found for name, found in overlay.items() if name != BEFORE}


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_knows_every_field(version: str) -> None:
    """Each object is asked about once, as it is in the last of the three."""
    found = {key(each): each for values in SAME.values() for each in chart(*values).objects}
    for each in found.values():
        if each["kind"] not in OF_OPERATORS:
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("files", [(), *SAME.values()])
def test_helm_finds_nothing_to_complain_of(files: tuple[str, ...]) -> None:
    values = [str(CHART / "ci" / each) if each.endswith(".yaml") else each for each in files]
    said = run(program("helm"), "lint", "--strict", *OLDEST, str(CHART), *values)
    assert "0 chart(s) failed" in said


def test_the_defaults_are_those_of_production() -> None:
    assert of_helm(chart()) == of_helm(chart(*SAME["production"]))
