"""Conditions: null, blank, empty and truth as Liquid has them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.liquid.rendering import refused, rendered

CONTEXT: dict[str, Any] = {
    "null": None, "yes": True, "no": False, "zero": 0, "one": 1, "text": "abc", "none": "", "space": " \n", "five": "5",
    "list": [1, 2], "things": {"a": 1}, "nolist": [], "nothings": {}, "flags": [True, None, "1"], "half": 0.5,
}  # fmt: skip

CONDITIONS = [
    *((f"{name} == blank", True) for name in ("nil", "no", "none", "space", "nolist", "nothings", "gone")),
    *((f"{name} == blank", False) for name in ("yes", "zero", "one", "text", "list", "things")),
    *((f"blank == {name}", True) for name in ("nil", "space")),
    *((f"{name} != blank", False) for name in ("nil", "none", "gone")),
    *((f"{name} != blank", True) for name in ("text", "zero")),
    *((f"{name} == empty", True) for name in ("none", "nolist", "nothings")),
    *((f"{name} == empty", False) for name in ("nil", "space", "no", "zero", "list", "gone")),
    *((f"{name} == nil", True) for name in ("nil", "gone", "null", "list[9]", "things.b")),
    *((f"{name} == nil", False) for name in ("no", "none", "zero", "nolist")),
    ("yes == 1", False), ("one == yes", False), ("no == 0", False), ("yes == true", True), ("no == false", True),
    ("five == 5", False), ("one == 1.0", True), ("text == 'abc'", True), ("list == list", True), ("half < 1", True),
    ("null < 1", False), ("null > 1", False), ("1 < null", False), ("null <= null", False), ("gone >= 0", False),
    ("one <= 1", True), ("one >= 1.0", True), ("one > 1", False), ("'abc' < 'abd'", True), ("'b' >= 'a'", True),
    ("text contains 'b'", True), ("text contains 'B'", False), ("list contains 2", True), ("list contains '2'", False),
    ("flags contains 1", False), ("flags contains '1'", True), ("flags contains true", True),
    ("things contains 'a'", True),
    ("text contains nil", False), ("null contains 'a'", False), ("one contains 1", False), ("'a5c' contains 5", True),
    ("'true' contains yes", True), ("zero", True), ("none", True), ("nolist", True), ("null", False),
    ("yes and no or yes", True), ("yes and no", False), ("no or yes and yes", True), ("(1..3) contains 2", True),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS)
def test_a_condition_holds_as_in_liquid(condition: str, holds: bool) -> None:
    assert rendered(f"{{% if {condition} %}}yes{{% else %}}no{{% endif %}}", CONTEXT) == ("yes" if holds else "no")
    assert rendered(f"{{% unless {condition} %}}no{{% else %}}yes{{% endunless %}}", CONTEXT) == (
        "yes" if holds else "no"
    )


@pytest.mark.parametrize(
    ("value", "when", "text"),
    [
        ("yes", "1", "else"),
        ("yes", "true", "when"),
        ("one", "true", "else"),
        ("one", "2, 1", "when"),
        ("one", "2 or 1", "when"),
        ("null", "nil", "when"),
        ("gone", "nil", "when"),
        ("none", "blank", "when"),
        ("gone", "blank", "when"),
        ("nolist", "empty", "when"),
        ("text", "'x', 'abc'", "when"),
        ("five", "5", "else"),
    ],
)
def test_case_compares_alike(value: str, when: str, text: str) -> None:
    body = f"{{% case {value} %}}{{% when {when} %}}when{{% else %}}else{{% endcase %}}"
    assert rendered(body, CONTEXT) == text


@pytest.mark.parametrize("condition", ["text < 1", "1 > text", "list < list", "yes < 2", "text >= 5"])
def test_what_has_no_order_is_refused(condition: str) -> None:
    assert refused(f"{{% if {condition} %}}x{{% endif %}}", CONTEXT).reason == "RENDER_FAILED"
