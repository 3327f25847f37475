"""Who can speak to whom: every pod tries every port of every other by TCP, with the policies enforced."""

from __future__ import annotations

from pathlib import Path

from proof.kubernetes import callers, flow_table, probe
from proof.kubernetes.commands import Failed
from proof.kubernetes.flow_table import Flow
from proof.kubernetes.kubectl import Kubectl, Object, is_ready
from proof.kubernetes.waiting import until

#: Where each role listens.
PORTS = {
    "gateway": (50051, 8001),
    "router": (50052, 8001),
    "ledger": (50053, 8001),
    "delivery": (50054, 8001),
    "console": (8080, 8001),
    "envoy": (8000, 8001),
    "worker-high": (8001,),
    "worker-low": (8001,),
    "sandbox": (8025, 1025, 8001),
    "postgres": (5432,),
    "valkey": (6379,),
}

#: Roles of Jobs that have ended: a pod with their label stands in for each.
ENDED = ("migrate", "seed")

#: Those that no longer do anything, or have no image here.
_ABSENT = frozenset({"otel-collector", "jaeger", "flower", "migrate-after"})

_PROGRAM = Path(probe.__file__).read_text()


def matrix(kubectl: Kubectl) -> str:
    """The flows that are open are those of the policies' own table, and no other."""
    kubectl.apply(callers.pod(role, kubectl.namespace, {"app.kubernetes.io/name": role}) for role in ENDED)
    try:
        until(lambda: all(is_ready(each) for role in ENDED for each in [kubectl.get("pod", role)]), "stand-ins of Jobs")
        wanted = expected()
        found: set[Flow] = set()
        # A policy reaches a new pod a moment after the pod is there.
        until(lambda: _same(wanted, found, kubectl), "the flows to be those of the table", 60)
    except Failed as failed:
        raise Failed(f"{failed}; {_differences(wanted, found)}") from failed
    finally:
        kubectl.run("delete", "pod", *ENDED, "--ignore-not-found")
    tried = (len(PORTS) + len(ENDED) + len(callers.CALLERS)) * sum(map(len, PORTS.values()))
    return f"{tried} flows tried, {len(found)} open, each of them allowed, and all that are allowed"


def expected() -> set[Flow]:
    """Those of the table that both ends are here for."""
    table = flow_table.INSIDE | flow_table.ONLY_IN_KIND | flow_table.FROM_OUTSIDE
    outside = {f"{key}={value}": name for name, labels in callers.CALLERS.items() for key, value in labels.items()}
    renamed = {(outside.get(one, one), other, port) for one, other, port in table}
    return {flow for flow in renamed if not _ABSENT & {flow[0], flow[1]}}


def _same(wanted: set[Flow], found: set[Flow], kubectl: Kubectl) -> bool:
    found.clear()
    found |= observed(kubectl)
    return found == wanted


def observed(kubectl: Kubectl) -> set[Flow]:
    """Flows by which a connection was made to any pod of a role."""
    targets = {
        f"{pod['status']['podIP']}:{port}": (role, port)
        for role, ports in PORTS.items()
        for pod in kubectl.pods(role)
        for port in ports
    }
    senders = [(role, _exec(pod)) for role in (*PORTS, *ENDED) for pod in kubectl.pods(role)]
    senders += [(name, (f"--namespace={name}", "caller")) for name in callers.CALLERS]
    found: set[Flow] = set()
    for sender, place in senders:
        said = kubectl.run("exec", "--stdin", *place, "--", "python3", "-", *targets, stdin=_PROGRAM)
        found |= {(sender, *targets[address]) for address in said.split() if targets[address][0] != sender}
    return found


def _exec(pod: Object) -> tuple[str, ...]:
    return (str(pod["metadata"]["name"]),)


def _differences(wanted: set[Flow], found: set[Flow]) -> str:
    return f"open but not allowed: {sorted(found - wanted)}; allowed but not open: {sorted(wanted - found)}"
