"""A text is taken apart as the library would, but for what the library gets wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from liquid import Environment, Token
from liquid.exceptions import LiquidError

from shared.text.liquid.lexing import Lexer
from tests.liquid.rendering import rendered

PIECES = [
    *(
        "{{ a }}",
        "{{- a -}}",
        "{{a-}}",
        "{%- if a -%}",
        "{% endif %}",
        "{%- endif %}",
        "{%else-%}",
        "{{ 'a}b' }}",
        "{{-}}",
    ),
    *(
        "{% assign a = 'x' %}",
        "{% raw %}{{ b }}{% endraw %}",
        "{%- raw -%} c {%- endraw -%}",
        "{% doc %} d {% enddoc %}",
    ),
    *(
        "{% comment %} q {% endcomment %}",
        "{% comment -%}w{%- endcomment -%}",
        "{% # c %}",
        "{%# c -%}",
        "{%-\n if b\n-%}",
    ),
    *("{% comment %}{% comment %}x{% endcomment %}y{% endcomment %}", "{% liquid\n echo a\n%}", " {{'}}'}}", "{{ a"),
    *("x", " y ", "\n z", "  ", "{", "}", "%", "{{", "{%", "}}", "%}", "-"),
]


def taken_apart(lexer: Callable[[str], Iterator[Token]], source: str) -> list[tuple[str, str]] | None:
    """Kinds and texts of the tokens, pieces of content in one; None if it cannot be."""
    tokens: list[tuple[str, str]] = []
    try:
        for token in lexer(source):
            if tokens and token.kind == tokens[-1][0] == "content":
                tokens[-1] = ("content", tokens[-1][1] + token.value)
            elif token.kind != "output":
                tokens.append((token.kind, token.value))
    except LiquidError:
        return None
    return tokens


def test_the_tokens_are_the_librarys() -> None:
    chance, library = random.Random(5), Environment().tokenizer()
    for _ in range(5_000):
        source = "".join(chance.choices(PIECES, k=chance.randint(1, 6)))
        ours = taken_apart(lambda text: iter(Lexer(text)), source)
        assert ours == taken_apart(library, source), source


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{{ a -}} b\n", "1b\n"),
        ("{% comment %} {{ q {% endcomment %} y }}", " y }}"),
        ("{% raw -%} {{ b }} {% endraw %} c", " {{ b }}  c"),
        ("{% raw %} {{ b }} {% endraw -%} c", " {{ b }} c"),
        ("{{% if a %}x{% endif %}", "{x"),
        ("a\r\n{%- if a -%}\r\n b \r\n{%- endif -%}\r\nc", "abc"),
        ("{% liquid\n\n  assign b = 2  \r\n  echo b\n # a comment\n if a\n  echo 'x'\n endif %}", "2x"),
    ],
)
def test_where_the_library_is_wrong_it_is_as_liquid_says(body: str, text: str) -> None:
    assert rendered(body, {"a": 1}) == text
