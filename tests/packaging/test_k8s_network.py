"""The network between pods is closed but for the architecture's own flows."""

from __future__ import annotations

from proof.kubernetes.flow_table import DNS, FLOWER, FROM_OUTSIDE, INSIDE, ONLY_IN_KIND, TO_OUTSIDE, TRACING
from tests.packaging.manifests import Manifests
from tests.packaging.network import incoming, outgoing, pods


def test_what_no_policy_names_is_refused_both_ways(manifests: Manifests) -> None:
    everything = manifests.of("NetworkPolicy")["default-deny"]["spec"]
    assert everything == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_throw_away_cluster_allows_these_flows_and_no_other(kind: Manifests) -> None:
    inside = INSIDE | ONLY_IN_KIND | TRACING | {FLOWER["kind"]}
    assert {flow for flow in outgoing(kind) if flow[1:] not in DNS} == inside
    assert incoming(kind) == inside | FROM_OUTSIDE


def test_production_allows_these_flows_and_no_other(production: Manifests) -> None:
    assert {flow for flow in outgoing(production) if flow[1:] not in DNS} == INSIDE | TO_OUTSIDE
    assert incoming(production) == INSIDE | FROM_OUTSIDE


def test_components_add_their_own_flows_and_no_other(production: Manifests, production_with_options: Manifests) -> None:
    metrics = {("pulse-metrics=allowed", name, 8001) for name in pods(production_with_options)}
    assert incoming(production_with_options) - incoming(production) == metrics | TRACING
    added = outgoing(production_with_options) - outgoing(production)
    assert {flow for flow in added if flow[1:] not in DNS} == TRACING | {FLOWER["production"]}


def test_providers_are_reached_on_the_internet_and_not_inside(production: Manifests) -> None:
    """A provider's address out of somebody's configuration must not lead into the network around the cluster."""
    (rule,) = production.of("NetworkPolicy")["to-providers"]["spec"]["egress"]
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(
        rule["to"][0]["ipBlock"]["except"]
    )


def test_every_pod_can_ask_for_names(manifests: Manifests) -> None:
    """Also where the DNS pods listen at another port than their Service, and where the node answers for them."""
    for server in DNS:
        assert {flow[0] for flow in outgoing(manifests) if flow[1:] == server} == set(pods(manifests)), server
