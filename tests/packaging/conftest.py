"""The overlays as they would be applied, rendered once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.packaging.manifests import K8S, Manifests, render

#: Components that the production overlay leaves to whoever wants them.
OPTIONS = ("monitoring", "keda", "tracing", "flower")


@pytest.fixture(scope="session")
def kind() -> Manifests:
    return render(K8S / "overlays" / "kind")


@pytest.fixture(scope="session")
def production() -> Manifests:
    return render(K8S / "overlays" / "production")


@pytest.fixture(scope="session")
def production_with_options(tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    """The production overlay with every optional component switched on."""
    tree = Path(shutil.copytree(K8S.parent, tmp_path_factory.mktemp("deploy") / "deploy"))
    overlay = tree / "k8s" / "overlays" / "production" / "kustomization.yaml"
    content = yaml.safe_load(overlay.read_text())
    content["components"] += [f"../../components/{name}" for name in OPTIONS]
    overlay.write_text(yaml.safe_dump(content))
    return render(overlay.parent)


@pytest.fixture(scope="session", params=["kind", "production", "production_with_options"])
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """Each way to apply Pulse, one after the other."""
    return request.getfixturevalue(request.param)
