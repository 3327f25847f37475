"""The network between pods is closed but for the architecture's own flows."""

from __future__ import annotations

from tests.packaging.manifests import Manifests
from tests.packaging.network import Flow, incoming, outgoing, pods

#: Roles that tell of the calls and attempts that they make. The sandbox is one more where it runs.
TRACED = ("envoy", "gateway", "router", "ledger", "delivery", "worker-high", "worker-low", "console")

#: Between pods of Pulse, everywhere.
INSIDE: set[Flow] = {
    ("envoy", "gateway", 50051),
    ("envoy", "delivery", 50054),
    ("envoy", "console", 8080),
    ("console", "gateway", 50051),
    ("gateway", "router", 50052),
    ("gateway", "ledger", 50053),
    ("gateway", "delivery", 50054),
    ("router", "ledger", 50053),
    ("delivery", "ledger", 50053),
    ("worker-high", "ledger", 50053),
    ("worker-low", "ledger", 50053),
}

FROM_OUTSIDE: set[Flow] = {("pulse-ingress=allowed", "envoy", 8000), ("pulse-client=allowed", "gateway", 50051)}

#: Of the components `tracing` and `flower`.
TRACING: set[Flow] = {
    *((role, "otel-collector", 4317) for role in TRACED),
    ("otel-collector", "jaeger", 4317),
}
FLOWER = {"kind": ("flower", "valkey", 6379), "production": ("flower", "10.0.0.0/8", 6379)}

ONLY_IN_KIND: set[Flow] = {
    ("ledger", "postgres", 5432),
    ("migrate", "postgres", 5432),
    ("migrate-after", "postgres", 5432),
    ("router", "valkey", 6379),
    ("worker-high", "valkey", 6379),
    ("worker-low", "valkey", 6379),
    *((sender, "sandbox", port) for sender in ("delivery", "worker-high", "worker-low") for port in (8025, 1025)),
    ("sandbox", "envoy", 8000),
    ("sandbox", "otel-collector", 4317),
    ("seed", "gateway", 50051),
}

TO_OUTSIDE: set[Flow] = {
    ("ledger", "10.0.0.0/8", 5432),
    ("migrate", "10.0.0.0/8", 5432),
    ("migrate-after", "10.0.0.0/8", 5432),
    ("router", "10.0.0.0/8", 6379),
    ("worker-high", "10.0.0.0/8", 6379),
    ("worker-low", "10.0.0.0/8", 6379),
    *((s, "0.0.0.0/0", port) for s in ("delivery", "worker-high", "worker-low") for port in (443, 465, 587)),
}

#: Those who answer for names: the cluster's pods, at whatever port they have, and a cache on each node.
DNS = {("kubernetes.io/metadata.name=kube-system", 0), ("169.254.20.10/32", 53)}


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
