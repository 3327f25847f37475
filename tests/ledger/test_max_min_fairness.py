"""How places are shared: whoever has least for its weight comes first."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.draw.fair_share import Flow, next_in_line, share
from services.ledger.draw.max_min_fairness import Vessel, pour

VESSELS = st.lists(st.builds(Vessel, st.integers(1, 50), st.integers(0, 60), st.integers(0, 40)), max_size=8)
FLOWS = st.lists(st.builds(Flow, st.sampled_from("abcd"), st.sampled_from("xyz")), max_size=12, unique=True)
WEIGHTS = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9))
ALLOWANCES = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 30))


def one_by_one(places: int, vessels: list[Vessel]) -> list[int]:
    """The rule itself, place by place."""
    given = [0] * len(vessels)
    for _ in range(places):
        line = [
            ((one.held + got + 1) / one.weight, index)
            for index, (one, got) in enumerate(zip(vessels, given, strict=True))
            if got < one.room
        ]
        if line:
            given[min(line)[1]] += 1
    return given


@given(st.integers(0, 200), VESSELS)
def test_pouring_at_once_is_pouring_place_by_place(places: int, vessels: list[Vessel]):
    assert pour(places, vessels) == one_by_one(places, vessels)


@given(st.integers(0, 100), FLOWS, WEIGHTS, ALLOWANCES)
def test_no_place_is_lost_and_no_allowance_exceeded(
    places: int, flows: list[Flow], weights: dict[str, int], allowances: dict[str, int]
):
    got = share(places, flows, weights, allowances, {})
    through = Counter({provider: 0 for _, provider in flows})
    for flow, count in got.items():
        through[flow.provider] += count
    assert all(count >= 0 for count in got.values())
    assert all(count <= allowances.get(provider, places) for provider, count in through.items())
    assert sum(got.values()) == min(places, sum(allowances.get(provider, places) for provider in through))


@given(st.integers(0, 100), FLOWS, WEIGHTS)
def test_tenants_get_places_by_their_weights(places: int, flows: list[Flow], weights: dict[str, int]):
    got = share(places, flows, weights, {}, {})
    tenants = {tenant: 0 for tenant, _ in flows}
    for flow, count in got.items():
        tenants[flow.tenant_id] += count
    for mine, count in tenants.items():
        for other, its in tenants.items():
            assert count / weights.get(mine, 1) <= (its + 1) / weights.get(other, 1)


@given(st.integers(1, 100), FLOWS, WEIGHTS)
def test_whoever_is_next_in_line_gets_the_next_place(places: int, flows: list[Flow], weights: dict[str, int]):
    before, after = (share(count, flows, weights, {}, {}) for count in (places, places + 1))
    changed = {flow.tenant_id for flow in flows if after[flow] > before[flow]}
    first = next_in_line(flows, weights, before)
    assert (first is None and not flows) or first in changed


def test_what_a_narrow_provider_does_not_let_through_is_made_up_for_by_the_others():
    """Both tenants get half of the places, though one of a's two providers takes only 10."""
    flows = [Flow("a", "narrow"), Flow("a", "wide"), Flow("b", "wide")]
    assert share(100, flows, {}, {"narrow": 10}, {}) == dict(zip(flows, (10, 40, 50), strict=True))


def test_a_narrow_provider_is_shared_by_weight():
    flows = [Flow(tenant, "narrow") for tenant in "abc"]
    assert share(100, flows, {"c": 2}, {"narrow": 20}, {}) == dict(zip(flows, (5, 5, 10), strict=True))


def test_what_was_given_before_counts():
    flows = [Flow("a", ""), Flow("b", "")]
    assert share(10, flows, {}, {}, {flows[0]: 6}) == {flows[0]: 2, flows[1]: 8}
