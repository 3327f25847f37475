"""The release before is installed anew, and replaced by the code at hand while a load goes on."""

from __future__ import annotations

from proof.kubernetes import installation
from proof.kubernetes.cluster import Cluster
from proof.kubernetes.load import Load
from proof.kubernetes.release_before import Release


def replace(cluster: Cluster, before: Release) -> str:
    """No request fails, and all that was accepted arrives."""
    installation.remove(cluster.kubectl)
    installed = installation.install(cluster, installation.at(before.folder))
    with Load(cluster.kubectl) as load:
        took = installation.deploy(cluster.kubectl, installation.in_two_halves(installation.now()))
    return f"from {before.title} (ready in {installed:.0f} s) to the code at hand in {took:.0f} s; {load.require()}"
