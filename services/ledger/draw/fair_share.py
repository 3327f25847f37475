"""Flows: what is due of one tenant for one provider. How a draw is shared among them. Pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from services.ledger.draw.max_min_fairness import Vessel, pour

Key = TypeVar("Key")


class Flow(NamedTuple):
    """``provider`` is the next one on the route; empty for what is looked at for another reason."""

    tenant_id: str
    provider: str


def share(
    places: int,
    flows: Sequence[Flow],
    weights: Mapping[str, int],
    allowances: Mapping[str, int],
    held: Mapping[Flow, int],
) -> dict[Flow, int]:
    """How many more places each of ``flows`` gets, as if all had enough waiting.

    Tenants get them by their weights (1 unless told), a tenant's flows alike; nobody gets what a provider's allowance
    does not let through, and others do instead. ``held`` is what flows, these and others, were given before.
    """
    got: dict[Flow, int] = dict.fromkeys(flows, 0)
    still = [flow for flow in flows if allowances.get(flow.provider, 1)]
    while still:
        wanted = _by_tenant(places, still, weights, _sum(held, got))
        narrow = _exceeded(wanted, allowances)
        if not narrow:
            return _sum(got, wanted)
        for provider in narrow:
            through = [flow for flow in still if flow.provider == provider]
            vessels = [Vessel(weights.get(one.tenant_id, 1), held.get(one, 0), wanted[one]) for one in through]
            got |= zip(through, pour(allowances[provider], vessels), strict=True)
        places -= sum(allowances[provider] for provider in narrow)
        still = [flow for flow in still if flow.provider not in narrow]
    return got


def next_in_line(flows: Iterable[Flow], weights: Mapping[str, int], held: Mapping[Flow, int]) -> str | None:
    """The tenant that gets the next place of ``flows``, the first of those who are equal; None without flows."""
    tenants = _tenants(held)
    line = dict.fromkeys(flow.tenant_id for flow in flows)
    return min(line, key=lambda tenant: (tenants.get(tenant, 0) + 1) / weights.get(tenant, 1), default=None)


def _by_tenant(
    places: int, flows: Sequence[Flow], weights: Mapping[str, int], held: Mapping[Flow, int]
) -> dict[Flow, int]:
    tenants = _tenants(held)
    own: dict[str, list[Flow]] = {}
    for flow in flows:
        own.setdefault(flow.tenant_id, []).append(flow)
    parts = pour(places, [Vessel(weights.get(tenant, 1), tenants.get(tenant, 0), places) for tenant in own])
    got: dict[Flow, int] = {}
    for part, mine in zip(parts, own.values(), strict=True):
        if len(mine) == 1:
            got[mine[0]] = part
            continue
        got |= zip(mine, pour(part, [Vessel(1, held.get(flow, 0), part) for flow in mine]), strict=True)
    return got


def _exceeded(wanted: Mapping[Flow, int], allowances: Mapping[str, int]) -> set[str]:
    sums: dict[str, int] = {}
    for (_, provider), count in wanted.items():
        sums[provider] = sums.get(provider, 0) + count
    return {provider for provider, count in sums.items() if count > allowances.get(provider, count)}


def _tenants(held: Mapping[Flow, int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (tenant, _), count in held.items():
        sums[tenant] = sums.get(tenant, 0) + count
    return sums


def _sum(first: Mapping[Key, int], second: Mapping[Key, int]) -> dict[Key, int]:
    return {key: first.get(key, 0) + second.get(key, 0) for key in (*first, *second)}
