"""Who may talk to whom, as network policies have it."""

from __future__ import annotations

from collections.abc import Iterator

from proof.kubernetes.flow_table import Flow
from tests.packaging.manifests import Manifests, Object, template

_ANY = ({"port": 0},)


def pods(manifests: Manifests) -> dict[str, dict[str, str]]:
    """The labels of each workload's pods."""
    return {name: template(found)["metadata"]["labels"] for name, found in manifests.workloads().items()}


def matches(selector: Object, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    expressions = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in expressions)
    return wanted.items() <= labels.items() and all(labels.get(each["key"]) in each["values"] for each in expressions)


def outgoing(manifests: Manifests) -> set[Flow]:
    """What senders may send."""
    return {(own, peer, port) for own, peer, port in _rules(manifests, "egress", "to")}


def incoming(manifests: Manifests) -> set[Flow]:
    """What receivers may receive."""
    return {(peer, own, port) for own, peer, port in _rules(manifests, "ingress", "from")}


def _rules(manifests: Manifests, direction: str, side: str) -> Iterator[Flow]:
    everybody = pods(manifests)
    for policy in manifests.of("NetworkPolicy").values():
        spec = policy["spec"]
        owners = [name for name, labels in everybody.items() if matches(spec["podSelector"], labels)]
        for rule in spec.get(direction, []):
            peers = [name for peer in rule[side] for name in _peers(peer, everybody)]
            for own in owners:
                yield from ((own, peer, port["port"]) for peer in peers for port in rule.get("ports", _ANY))


def _peers(peer: Object, everybody: dict[str, dict[str, str]]) -> list[str]:
    """The pods meant; others show as their namespace's label or as an address range."""
    if "ipBlock" in peer:
        return [peer["ipBlock"]["cidr"]]
    if "namespaceSelector" in peer:
        return [f"{key}={value}" for key, value in peer["namespaceSelector"]["matchLabels"].items()]
    return [name for name, labels in everybody.items() if matches(peer["podSelector"], labels)]
