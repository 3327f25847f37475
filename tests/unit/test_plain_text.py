"""The quick way to render says just what Liquid says, or leaves it to Liquid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid.exceptions import LiquidError
from markupsafe import escape

from shared.liquid_bounds import MAX_OUTPUT, BoundedEnvironment
from shared.plain_text import plain_text

NAMES = ("name", "order", "now")
WORDS = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=20)
PIECES = st.lists(st.one_of(WORDS, st.sampled_from([f"{{{{ {name} }}}}" for name in NAMES])), max_size=8)
TRIMMED = st.lists(st.one_of(WORDS, st.sampled_from(["{{- name -}}", "{{order-}}", "{{-now}}"])), max_size=8)
VALUES = st.one_of(st.text(), st.integers(), st.booleans(), st.floats(), st.none(), st.lists(st.text(), max_size=2))


def _escaped(value: str) -> str:
    return str(escape(value))


@given(st.one_of(PIECES, TRIMMED), st.dictionaries(st.sampled_from(NAMES), VALUES), st.booleans())
def test_what_is_filled_in_quickly_is_what_liquid_renders(
    pieces: list[str], context: dict[str, object], autoescape: bool
) -> None:
    template = BoundedEnvironment(autoescape=autoescape).from_string("".join(pieces))
    plain = plain_text(template, _escaped if autoescape else str)
    quick = plain.fill(context) if plain else None
    if quick is not None:
        assert quick == template.render(context)


@pytest.mark.parametrize("context", [{}, {"name": None}, {"name": 1.5}, {"name": True}, {"name": "a\r\nb"}])
def test_liquid_has_the_word_where_a_value_is_no_simple_one(context: dict[str, object]) -> None:
    plain = plain_text(BoundedEnvironment(autoescape=False).from_string("Hi {{ name }}"), str)
    assert plain is not None
    assert plain.fill(context) is None


@pytest.mark.parametrize("source", ["{{ a.b }}", "{{ a | upcase }}", "{% if a %}x{% endif %}", "{{ 'a' }}", "a\r\nb"])
def test_what_is_more_than_words_and_names_is_no_plain_text(source: str) -> None:
    assert plain_text(BoundedEnvironment(autoescape=False).from_string(source), str) is None


def test_what_may_be_too_long_is_left_to_liquid_which_refuses_it() -> None:
    template = BoundedEnvironment(autoescape=False).from_string("{{ name }}")
    plain = plain_text(template, str)
    assert plain is not None
    assert plain.fill({"name": "x" * (MAX_OUTPUT + 1)}) is None
    with pytest.raises(LiquidError):
        template.render(name="x" * (MAX_OUTPUT + 1))
