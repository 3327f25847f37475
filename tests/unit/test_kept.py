"""What is kept is bounded by number and by bytes, and what was used last stays."""

from __future__ import annotations

from shared.kept import Kept
from shared.text.rendering import CompiledTemplate, Text


def kept(most: int = 100, most_bytes: int = 100) -> Kept[str, str]:
    return Kept(most, most_bytes, len)


def test_those_used_longest_ago_go_first() -> None:
    values = kept(most=2)
    for key in ("a", "b"):
        values.put(key, key)
    assert values.get("a") == "a"
    values.put("c", "c")
    assert [values.get(key) for key in "abc"] == ["a", None, "c"]


def test_a_large_one_takes_the_room_of_many() -> None:
    values = kept()
    for n in range(10):
        values.put(str(n), "x" * 10)
    assert (len(values), values.bytes) == (10, 100)
    values.put("large", "x" * 75)
    assert (len(values), values.bytes) == (3, 95)
    values.put("larger", "x" * 101)
    assert (len(values), values.bytes, values.get("larger")) == (0, 0, None)


def test_what_is_put_again_or_forgotten_is_weighed_once() -> None:
    values = kept()
    values.put("a", "x" * 60)
    values.put("a", "x" * 50)
    assert values.bytes == 50
    values.pop("a")
    values.pop("a")
    assert (len(values), values.bytes) == (0, 0)


def test_a_template_weighs_at_least_what_it_takes_in_memory() -> None:
    markup = CompiledTemplate([Text("", "", "", "{{ a }}" * 2_000, "")], "en", lazily=True)
    text = CompiledTemplate([Text("", "", "", "x" * 60_000, "y" * 60_000)], "en", lazily=True)
    assert markup.weight > 1_600_000  # as measured
    assert 120_000 < text.weight < 1_000_000
