"""Filters that reckon: what is no number is refused by name, and the others come out as people expect."""

from __future__ import annotations

import pytest

from tests.liquid.rendering import refused, rendered

SUMS = [
    ("{{ price | times: 1.19 | round: 2 }}", "11.9"),
    ("{{ '3.5' | plus: 1 }}", "4.5"),
    ("{{ ' 3 ' | plus: '4' }}", "7"),
    ("{{ '-2' | abs }}", "2"),
    ("{{ '1e3' | plus: 0 }}", "1000.0"),
    ("{{ '.5' | times: 2 }}", "1.0"),
    ("{{ 0.1 | plus: 0.2 }}", "0.3"),
    ("{{ 1.1 | times: 1.1 }}", "1.21"),
    ("{{ 10 | divided_by: 4 }}", "2"),
    ("{{ -7 | divided_by: 2 }}", "-4"),
    ("{{ 10 | divided_by: 4.0 }}", "2.5"),
    ("{{ 10.0 | divided_by: 4 }}", "2.5"),
    ("{{ 0.3 | divided_by: 0.1 }}", "3.0"),
    ("{{ -7 | modulo: 3 }}", "2"),
    ("{{ 7 | modulo: -3 }}", "-2"),
    ("{{ -7.5 | modulo: 2 }}", "0.5"),
    ("{{ 5.5 | modulo: 2 }}", "1.5"),
    ("{{ 2.5 | round }}", "3"),
    ("{{ 3.5 | round }}", "4"),
    ("{{ 0.5 | round }}", "1"),
    ("{{ -0.5 | round }}", "-1"),
    ("{{ -2.5 | round }}", "-3"),
    ("{{ 2.675 | round: 2 }}", "2.68"),
    ("{{ 1.005 | round: 2 }}", "1.01"),
    ("{{ 1.25 | round: 1 }}", "1.3"),
    ("{{ 2.4999 | round }}", "2"),
    ("{{ 7 | round: 2 }}", "7"),
    ("{{ 7.1 | round: 5 }}", "7.1"),
    ("{{ 7.12 | round: 0 }}", "7"),
    ("{{ 1250 | round: -2 }}", "1300"),
    ("{{ 1250.5 | round: -2 }}", "1300"),
    ("{{ '2.5' | round }}", "3"),
    ("{{ 1.2 | ceil }}{{ -1.2 | ceil }}", "2-1"),
    ("{{ 1.8 | floor }}{{ -1.2 | floor }}", "1-2"),
    ("{{ 4 | at_least: 5 }}{{ 4 | at_most: 3 }}", "53"),
    ("{{ '4' | at_least: 3.5 }}", "4"),
    ("{{ 0.0000001 | times: 1 }}", "0.0000001"),
    ("{{ 9007199254740993 | plus: 1 }}", "9007199254740994"),
    ("{{ rows | sum: 'n' }}", "3.5"),
    ("{{ rows | map: 'n' | sum }}", "3.5"),
]


@pytest.mark.parametrize(("body", "result"), SUMS)
def test_a_sum_comes_out_as_people_expect(body: str, result: str) -> None:
    assert rendered(body, {"price": 10, "rows": [{"n": 1}, {"n": "2.5"}, {"m": 9}, {"n": None}]}) == result


OF_ONE = ("abs", "ceil", "floor", "round")
OF_TWO = ("plus", "minus", "times", "divided_by", "modulo", "at_least", "at_most", "round")
NO_NUMBERS = ["abc", "", " ", "1,000", "3,5", "12 EUR", "nan", "inf", "Infinity", "1_000", "0x10", "٣", "1e", "--1"]


@pytest.mark.parametrize("name", [*OF_ONE, *[f"{name}: 2" for name in OF_TWO]])
def test_what_is_no_number_is_refused_by_name(name: str) -> None:
    for value in [*NO_NUMBERS, None, True, [1], {"n": 1}]:
        error = refused(f"{{{{ price | {name} }}}}", {"price": value})
        assert (error.reason, error.variable) == ("NOT_A_NUMBER", "price"), value
        assert "price" in error.message
        assert name.split(":")[0] in error.message


@pytest.mark.parametrize("name", OF_TWO)
def test_so_is_an_argument(name: str) -> None:
    for value in [*NO_NUMBERS, None, True, [1]]:
        error = refused(f"{{{{ 7.5 | {name}: order.rate }}}}", {"order": {"rate": value}})
        assert (error.reason, error.variable) == ("NOT_A_NUMBER", "order.rate"), value


@pytest.mark.parametrize("body", ["{{ rows | sum: 'n' }}", "{{ rows | map: 'n' | sum }}", "{{ 'abc' | plus: 1 }}"])
def test_a_text_among_numbers_is_refused(body: str) -> None:
    assert refused(body, {"rows": [{"n": 1}, {"n": "two"}]}).reason == "NOT_A_NUMBER"


@pytest.mark.parametrize("name", ["divided_by", "modulo"])
@pytest.mark.parametrize("by", [0, 0.0, "0", "0.0"])
def test_nothing_is_divided_by_zero(name: str, by: object) -> None:
    error = refused(f"{{{{ 7 | {name}: parts }}}}", {"parts": by})
    assert (error.reason, error.variable) == ("DIVIDED_BY_ZERO", "parts")


@pytest.mark.parametrize("body", ["{{ x | round: 1.5 }}", "{{ 'abc' | slice: 0.5 }}", "{{ 'abc' | truncate: 1.5 }}"])
def test_places_and_lengths_are_whole(body: str) -> None:
    assert refused(body, {"x": 2.25}).reason == "NOT_A_NUMBER"


@pytest.mark.parametrize("value", ["9" * 5000, " " * 1100 + "1", "1" + "\n" * 60_000])
def test_a_text_of_more_than_a_thousand_characters_is_no_number(value: str) -> None:
    assert refused("{{ n | plus: 1 }}", {"n": value}).reason == "NOT_A_NUMBER"


@pytest.mark.parametrize("value", [10**31, -(10**31), "9" * 40, "9" * 1000, "1e300"])
def test_a_number_beyond_all_use_is_refused(value: object) -> None:
    assert refused("{{ n | plus: 1 }}", {"n": value}).reason == "RENDER_LIMIT"
