"""Autoscalers that see what pods use."""

from __future__ import annotations

from proof.kubernetes.kubectl import Kubectl, Object, name
from proof.kubernetes.load import Load
from proof.kubernetes.waiting import until

#: Enough for two gateways to use more than they ask for in a throw-away cluster, 1/s.
RATE = 60.0


def grow(kubectl: Kubectl) -> str:
    """Every autoscaler has figures, and under load gateways and workers become more."""
    until(lambda: all(_used(each) is not None for each in _scalers(kubectl)), "figures for each autoscaler", 120)
    idle = {name(each): _used(each) for each in _scalers(kubectl)}
    with Load(kubectl, RATE) as load:
        took = until(lambda: len(kubectl.pods("gateway")) > 2, "a third gateway", 180)
        busy = {name(each): _used(each) for each in _scalers(kubectl)}
    outcome = load.require()
    shown = ", ".join(f"{role} {idle[role]} % idle, {busy[role]} % under load" for role in idle)
    return f"{shown}; a third gateway after {took:.0f} s; {outcome}"


def _scalers(kubectl: Kubectl) -> list[Object]:
    return kubectl.items("horizontalpodautoscalers")


def _used(scaler: Object) -> int | None:
    """CPU in % of what the pods ask for; None before it is known."""
    for metric in scaler["status"].get("currentMetrics") or []:
        if "averageUtilization" in (used := metric.get("resource", {}).get("current", {})):
            return int(used["averageUtilization"])
    return None
