"""The quick way to render says just what Liquid says, or leaves it to Liquid."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid.exceptions import ResourceLimitError

from shared.text.liquid.bounds import MAX_OUTPUT
from shared.text.liquid.context import BoundedContext
from shared.text.liquid.environment import BoundedEnvironment, BoundedTemplate
from shared.text.plain_text import plain_text

NAMES = ("name", "order", "now")
WORDS = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=20)
HTML = st.sampled_from(["<a href='", '<p title="', "<p id=", "'>", '">', "<script>", "</script>", "/", "<!--"])
PIECES = st.lists(st.one_of(WORDS, HTML, st.sampled_from([f"{{{{ {name} }}}}" for name in NAMES])), max_size=8)
TRIMMED = st.lists(st.one_of(WORDS, st.sampled_from(["{{- name -}}", "{{order-}}", "{{-now}}"])), max_size=8)
VALUES = st.one_of(st.text(), st.integers(), st.booleans(), st.floats(), st.none(), st.lists(st.text(), max_size=2))


@functools.cache
def environment(autoescape: bool) -> BoundedEnvironment:
    return BoundedEnvironment(autoescape=autoescape)


def parsed(source: str, *, autoescape: bool = False) -> BoundedTemplate:
    return environment(autoescape).compiled(source)


def by_liquid(template: BoundedTemplate, context: dict[str, object]) -> str:
    return template.filled(BoundedContext(template, globals=context))


@given(st.one_of(PIECES, TRIMMED), st.dictionaries(st.sampled_from(NAMES), VALUES), st.booleans())
def test_what_is_filled_in_quickly_is_what_liquid_renders(
    pieces: list[str], context: dict[str, object], autoescape: bool
) -> None:
    template = parsed("".join(pieces), autoescape=autoescape)
    plain = plain_text(template)
    quick = plain.fill(context) if plain else None
    if quick is not None:
        assert quick == by_liquid(template, context)


@pytest.mark.parametrize("number", [0, -7, 0.0, -0.0, 1.5, 19.99, 1e-7, 1e21, 10**20])
def test_a_number_is_filled_in_as_liquid_prints_it(number: float) -> None:
    template = parsed("Total: {{ name }}")
    plain = plain_text(template)
    assert plain is not None
    assert plain.fill({"name": number}) == by_liquid(template, {"name": number})


@pytest.mark.parametrize("context", [{}, {"name": None}, {"name": float("inf")}, {"name": True}, {"name": "a\r\nb"}])
def test_liquid_has_the_word_where_a_value_is_no_simple_one(context: dict[str, object]) -> None:
    plain = plain_text(parsed("Hi {{ name }}"))
    assert plain is not None
    assert plain.fill(context) is None


@pytest.mark.parametrize("source", ["{{ a.b }}", "{{ a | upcase }}", "{% if a %}x{% endif %}", "{{ 'a' }}", "a\r\nb"])
def test_what_is_more_than_words_and_names_is_no_plain_text(source: str) -> None:
    assert plain_text(parsed(source)) is None


def test_what_may_be_too_long_is_left_to_liquid_which_refuses_it() -> None:
    template = parsed("{{ name }}")
    plain = plain_text(template)
    assert plain is not None
    assert plain.fill({"name": "x" * (MAX_OUTPUT + 1)}) is None
    with pytest.raises(ResourceLimitError):
        by_liquid(template, {"name": "x" * (MAX_OUTPUT + 1)})
