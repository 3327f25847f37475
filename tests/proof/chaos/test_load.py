"""The load comes from its seed, and holds what the invariants need."""

from __future__ import annotations

from collections import Counter

from proof.chaos.load import BURST, Load, Way


def test_a_seed_replays() -> None:
    """The same seed asks for the same; another one does not."""
    first, again, other = (Load(seed, "x").steps(100, burst=True) for seed in ("1", "1", "2"))
    assert first == again
    assert first != other


def test_it_is_mixed() -> None:
    """Every way of asking, channel, lane and guarantee, with and without keys, time to live and delay."""
    steps = Load("1", "x").steps(600)
    asks = [ask for step in steps for ask in step.asks]
    assert {step.way for step in steps} == set(Way)
    assert {ask.channel for ask in asks} == {"EMAIL", "SMS", "PUSH"}
    for feature in ("lane", "at_most_once", "tenant"):
        assert len({getattr(ask, feature) for ask in asks}) == 2
    for feature in ("key", "ttl_s", "delay_s"):
        assert {bool(getattr(ask, feature)) for ask in asks} == {True, False}


def test_recipients_and_keys_are_one_asks_alone() -> None:
    """Except where one key is meant to be used twice, which is one step's doing."""
    owners: dict[str, set[int]] = {}
    for number, step in enumerate(Load("1", "x").steps(600)):
        for ask in step.asks:
            for name in (ask.to, ask.key):
                owners.setdefault(name, set()).add(number)
    owners.pop("", None)
    assert all(len(steps) == 1 for steps in owners.values())


def test_a_burst_is_one_users() -> None:
    """More than the limit allows, on one channel."""
    steps = Load("1", "x").steps(0, burst=True)
    assert (
        Counter((ask.tenant, ask.user, ask.channel) for step in steps for ask in step.asks).most_common(1)[0][1]
        == BURST
    )
