"""Whose claim is next at a provider, and how many of its calls one tenant may hold."""

from __future__ import annotations

import pytest

from services.delivery.rules.slots import NEIGHBOUR_SECONDS, Slots
from services.delivery.rules.waiting_claims import WaitingClaims
from tests.delivery.outgoing import claim


def waiting(tenants: str) -> WaitingClaims:
    """One claim for each letter, in their order."""
    claims = WaitingClaims()
    for number, tenant in enumerate(tenants):
        claims.put(claim(tenant_id=tenant, notification_id=str(number)))
    return claims


def order(claims: WaitingClaims, may_begin: str) -> list[tuple[str, str]]:
    """All that can be taken."""
    taken = []
    while (tenant := claims.next_tenant(may_begin.__contains__)) is not None:
        one = claims.take(tenant)
        taken.append((one.tenant_id, one.notification_id))
    return taken


def test_tenants_take_turns_each_in_the_order_of_its_own() -> None:
    claims = waiting("aaaabbc")
    assert order(claims, "abc") == [("a", "0"), ("b", "4"), ("c", "6"), ("a", "1"), ("b", "5"), ("a", "2"), ("a", "3")]
    assert len(claims) == 0


def test_one_that_may_not_begin_is_passed_over_and_keeps_its_place() -> None:
    claims = waiting("aabb")
    assert order(claims, "b") == [("b", "2"), ("b", "3")]
    assert (len(claims), order(claims, "ab")) == (2, [("a", "0"), ("a", "1")])


def test_all_of_one_tenants_or_all_there_are_can_be_taken_away() -> None:
    claims = waiting("abcab")
    assert [one.notification_id for one in claims.take_all("a")] == ["0", "3"]
    assert claims.take_all("x") == []
    assert (len(claims), len(claims.take_all()), len(claims)) == (3, 3, 0)


class Held:
    """Slots, and who holds them."""

    def __init__(self, count: int) -> None:
        self.now = 0.0
        self.slots = Slots(count, lambda: self.now)

    def most(self, tenant: str) -> int:
        """How many it can take, beside those of others."""
        self.slots.came(tenant)
        taken = []
        while len(taken) < 100 and self.slots.may_begin(tenant):
            taken.append(self.slots.take(tenant))
        for number in taken:
            self.slots.give_back(number)
        return min(len(taken), self.slots.count)


@pytest.mark.parametrize(("count", "beside_others"), [(1, 1), (2, 2), (3, 3), (4, 3), (10, 8), (16, 12)])
def test_a_tenant_may_hold_all_slots_where_it_is_alone_and_most_of_them_beside_others(
    count: int, beside_others: int
) -> None:
    held = Held(count)
    assert held.most("loud") == count
    assert held.most("quiet") == beside_others
    assert held.most("loud") == beside_others
    held.now += NEIGHBOUR_SECONDS
    assert held.most("loud") == count


def test_who_has_held_a_slot_for_how_long_is_known_until_it_is_given_back() -> None:
    held = Held(4)
    first, second = held.slots.take("a"), held.slots.take("a")
    held.now += 2
    young = held.slots.take("b")
    assert (held.slots.holders(0), held.slots.holders(2)) == ({"a", "b"}, {"a"})
    held.slots.give_back(first)
    assert held.slots.holders(2) == {"a"}
    held.slots.give_back(second)
    assert held.slots.holders(2) == frozenset()
    held.slots.give_back(young)
    assert held.slots.holders(0) == frozenset()
