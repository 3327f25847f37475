"""The objects are what the oldest and the newest Kubernetes that we mean accept."""

from __future__ import annotations

import kubernetes_validate
import pytest

from tests.packaging.manifests import Manifests

#: Kinds of operators that may be installed, whose schemas Kubernetes itself does not have.
OF_OPERATORS = ("PodMonitor", "PrometheusRule", "ScaledObject", "Issuer", "Certificate")


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_knows_every_field(version: str, manifests: Manifests) -> None:
    for found in manifests.objects:
        if found["kind"] not in OF_OPERATORS:
            kubernetes_validate.validate(found, version, strict=True)
