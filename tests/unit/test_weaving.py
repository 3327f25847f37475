"""Texts with the fragments that they take in, woven into one and rendered."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from shared.text.fragment_marks import WeavingError, marked, may_take_in
from shared.text.rendering import CompiledTemplate, RenderError, Text
from shared.text.weaving import MAX_WITHIN, MAX_WOVEN, Weaver


def weaver(fragments: Mapping[str, str]) -> Weaver:
    def find(name: str) -> str:
        if name not in fragments:
            raise WeavingError("FRAGMENT_NOT_FOUND", name)
        return fragments[name]

    return Weaver(find)


def compiled(source: str, fragments: Mapping[str, str], part: str = "body") -> CompiledTemplate:
    text = Text("", "", "", "x", "", woven={part: weaver(fragments).woven(source)})
    return CompiledTemplate([text], "en")


def rendered(source: str, fragments: Mapping[str, str], **context: object) -> str:
    return compiled(source, fragments).render("EMAIL", "", context).body


def refused(source: str, fragments: Mapping[str, str]) -> WeavingError:
    with pytest.raises(WeavingError) as caught:
        weaver(fragments).woven(source)
    return caught.value


@pytest.mark.parametrize(
    "source, fragment, shown",
    [
        ("<{% render 'f' %}>", "{{ name }}", "<Ada>"),
        ('<{% render "f" %}>', "{{ name }}", "<Ada>"),
        ("{% render 'f', name: 'Eve' %}{{ name }}", "{{ name }}", "EveAda"),
        ("{% render 'f', a: items.first, b: 2 %}", "{{ a }}{{ b }}", "12"),
        ("{% render 'f' with name %}", "{{ f }}", "Ada"),
        ("{% render 'f' with name as who, x: 1 %}", "{{ who }}{{ x }}", "Ada1"),
        ("{% render 'f' for items %}", "{{ f }},", "1,2,"),
        (
            "{% render 'f' for items as one %}",
            "{{ forloop.index }}:{{ one }}{% unless forloop.last %},{% endunless %}",
            "1:1,2:2",
        ),
        ("{% render 'f' for name as one %}", "{{ one }}", "Ada"),
        ("{% assign name = 'Eve' %}{% render 'f' %}", "{{ name }}", "Ada"),
        ("{% render 'f' %}{{ name }}", "{% assign name = 'Eve' %}{{ name }}", "EveAda"),
        ("{% render 'f' %}{% render 'f' %}", "{% increment n %}{% cycle 'a', 'b' %}", "0a0a"),
        ("{% for i in items %}{% render 'f' %}{% endfor %}", "{{ forloop.index | default: '-' }}", "--"),
        ("a {%- render 'f' -%} b", " f ", "a f b"),
        ("a {% render 'f' %} b", "{%- if name -%} f {%- endif -%}", "a f b"),
        ("{% raw %}{% render 'f' %}{% endraw %}", "", "{% render 'f' %}"),
        ("{% comment %}{% render 'none' %}{% endcomment %}.", "", "."),
        ("{% if name == 'Ada' %}{% render 'f' %}{% else %}-{% endif %}", "f", "f"),
    ],
)
def test_a_piece_sees_the_context_and_what_it_is_given(source: str, fragment: str, shown: str) -> None:
    assert rendered(source, {"f": fragment}, name="Ada", items=[1, 2]) == shown


BASE = "<{% block title %}Shop{% endblock %}|{% block body %}{% endblock %}>"


@pytest.mark.parametrize(
    "source, fragments, shown",
    [
        ("{% extends 'base' %}", {}, "<Shop|>"),
        (
            " {% comment %}ours{% endcomment %} {% extends 'base' %} \n {% block body %}Hi{% endblock %} ",
            {},
            "<Shop|Hi>",
        ),
        ("{% extends 'base' %}{% block title %}{{ block.super }}!{% endblock title %}", {}, "<Shop!|>"),
        ("{% extends 'base' %}{% block other %}unused{% endblock %}", {}, "<Shop|>"),
        ("{% extends 'base' %}{% block body %}{% render 'f' %}{% endblock %}", {"f": "{{ name }}"}, "<Shop|Ada>"),
        ("{% extends 'base' %}{% block body %}{% if name %}y{% else %}n{% endif %}{% endblock %}", {}, "<Shop|y>"),
        (
            "{% extends 'mid' %}{% block title %}3{{ block.super }}{% endblock %}",
            {
                "mid": "{% extends 'base' %}{% block title %}2{{ block.super }}{% endblock %}"
                "{% block body %}b{% endblock %}"
            },
            "<32Shop|b>",
        ),
        (
            "{% extends 'mid' %}{% block inner %}mine{% endblock %}",
            {"mid": "{% extends 'base' %}{% block body %}[{% block inner %}{% endblock %}]{% endblock %}"},
            "<Shop|[mine]>",
        ),
        (
            "{% render 'mid' %}{% render 'base' %}",
            {"mid": "{% extends 'base' %}{% block body %}m{% endblock %}"},
            "<Shop|m><Shop|>",
        ),
        ("{% block a %}own{% endblock %}", {}, "own"),
        (
            "{% extends 'dash' %}{%- block a -%} x {%- endblock -%}",
            {"dash": "( {%- block a %} y {% endblock -%} )"},
            "(x)",
        ),
        (
            "{% extends 'dash' %}{% block a %} x {% endblock %}",
            {"dash": "( {% block a -%} y {%- endblock %} )"},
            "(  x  )",
        ),
        ("{% extends 'base' %}{% block body %}{%- if name %}x{% endif -%}{% endblock %}", {}, "<Shop|x>"),
    ],
)
def test_a_layout_says_its_blocks_as_the_text_has_them(source: str, fragments: dict[str, str], shown: str) -> None:
    assert rendered(source, {"base": BASE, **fragments}, name="Ada") == shown


@pytest.mark.parametrize(
    "source, fragment, is_quick",
    [
        ("Hi {{ name }}, {% render 'f' %}", "Bye {{ name }}", True),
        (
            "{% extends 'f' %}{% block a %}{% render 'g' %}{% endblock %}",
            "Hi {{ name }} {% block a %}{% endblock %}",
            True,
        ),
        ("Hi {% render 'f', name: 'x' %}", "Bye {{ name }}", False),
        ("{% assign name = 'x' %}{% render 'f' %}", "{{ name }}", False),
        ("Hi {% render 'f' %}", "{% assign name = 'x' %}", False),
    ],
)
def test_what_only_shows_words_and_values_is_as_quick_as_without_fragments(
    source: str, fragment: str, is_quick: bool
) -> None:
    template = compiled(source, {"f": fragment, "g": "Bye"})
    template.render("EMAIL", "", {"name": "Ada"})
    assert template.is_quick("EMAIL", "", {"name": "Ada"}) is is_quick


def test_in_html_values_are_escaped_and_a_fragments_own_text_is_not() -> None:
    template = compiled("<p>{% render 'f', x: name %}", {"f": "<b>{{ x }}</b><a href='{{ link }}'>"}, "html_body")
    shown = template.render("EMAIL", "", {"name": "<i>", "link": "javascript:alert(1)"}).html_body
    assert shown == "<p><b>&lt;i&gt;</b><a href='about:blank'>"


@pytest.mark.parametrize(
    "source, fragment, variables",
    [
        ("{{ a }}{% render 'f' %}", "{{ b }}", {"a", "b"}),
        ("{% render 'f', b: a %}", "{{ b }}", {"a"}),
        ("{% render 'f' for list as b %}", "{{ b }}{{ forloop.index }}", {"list"}),
        ("{% assign b = 1 %}{% render 'f' %}", "{{ b }}", {"b"}),
        ("{% render 'f' %}{{ c }}", "{% assign c = 1 %}{{ c }}", {"c"}),
    ],
)
def test_the_variables_are_those_that_a_context_must_hold(source: str, fragment: str, variables: set[str]) -> None:
    assert compiled(source, {"f": fragment}).variables == variables


def test_what_is_missing_in_a_piece_is_named_where_it_is_asked_for() -> None:
    with pytest.raises(RenderError) as caught:
        rendered("{% render 'f', x: user.name %}", {"f": "{{ x }}"}, user={})
    assert (caught.value.reason, caught.value.variable) == ("MISSING_VARIABLE", "user.name")


def test_a_break_does_not_leave_its_piece() -> None:
    with pytest.raises(RenderError) as caught:
        rendered("{% for i in (1..2) %}{% render 'f' %}{% endfor %}", {"f": "{% break %}"})
    assert caught.value.reason == "RENDER_FAILED"


def test_as_many_as_may_are_within_each_other_wherever_one_begins() -> None:
    fragments = {f"f{n}": f"{{% render 'f{n + 1}' %}}" for n in range(MAX_WITHIN)} | {f"f{MAX_WITHIN}": "x"}
    assert rendered("{% render 'f1' %}", fragments) == "x"
    for source in ("{% render 'f0' %}", "{% render 'f1' %}{% render 'f0' %}", "{% render 'f5' %}{% render 'f0' %}"):
        assert refused(source, fragments).reason == "FRAGMENT_DEPTH"


@pytest.mark.parametrize(
    "source, fragments, path",
    [
        ("{% render 'a' %}", {"a": "{% render 'a' %}"}, "'a' → 'a'"),
        ("{% render 'a' %}", {"a": "{% render 'b' %}", "b": "{% extends 'a' %}"}, "'a' → 'b' → 'a'"),
        ("{% extends 'a' %}", {"a": "{% block x %}{% render 'a' %}{% endblock %}"}, "'a' → 'a'"),
    ],
)
def test_what_takes_itself_in_is_told_by_its_path(source: str, fragments: dict[str, str], path: str) -> None:
    error = refused(source, fragments)
    assert error.reason == "FRAGMENT_CYCLE"
    assert path in error.message


def test_blocks_that_would_show_each_other_for_ever_are_refused() -> None:
    fragments = {
        "mid": "{% extends 'base' %}{% block b %}{% block a %}{{ block.super }}{% endblock %}{% endblock %}",
        "base": "{% block a %}{% block b %}{% endblock %}{% endblock %}",
    }
    source = (
        "{% extends 'mid' %}{% block a %}{{ block.super }}{% endblock %}{% block b %}{{ block.super }}{% endblock %}"
    )
    assert refused(source, fragments).reason == "FRAGMENT_CYCLE"


HEAVY = {
    "doubling": ("{% render 'f0' %}", {f"f{n}": f"{{% render 'f{n + 1}' %}}" * 500 for n in range(8)} | {"f8": ""}),
    "supers": (
        "{% extends 'f0' %}{% block a %}" + "{{ block.super }}" * 900 + "{% endblock %}",
        {
            f"f{n}": f"{{% extends 'f{n + 1}' %}}{{% block a %}}" + "{{ block.super }}" * 500 + "{% endblock %}"
            for n in range(5)
        }
        | {"f5": "{% block a %}x{% endblock %}"},
    ),
    "large": ("{% render 'f' %}" * 900, {"f": "x" * 60_000}),
    "many tags": (
        "".join(f"{{% render 'f{n}' %}}" for n in range(90)),
        {f"f{n}": "{{ a }}" * 1_900 for n in range(90)},
    ),
    "blanks": ("{% render 'f'" + " " * 60_000 + "%}", {"f": "x"}),
    "quotes": ("{% render " + "'" * 30_000 + " %}", {}),
    "open": ("{% render 'f' %}" + "{%" * 30_000, {"f": "x"}),
}


@pytest.mark.parametrize("name", HEAVY)
def test_no_text_takes_long_to_be_woven(name: str) -> None:
    source, fragments = HEAVY[name]
    took = []
    for _ in range(3):
        began = time.thread_time()
        try:
            assert len(weaver(fragments).woven(source)) <= MAX_WOVEN
        except WeavingError as error:
            assert error.reason in ("TEMPLATE_TOO_LARGE", "TEMPLATE_SYNTAX", "FRAGMENT_NAME")
        took.append(time.thread_time() - began)
    assert min(took) < 0.25


def test_what_a_text_takes_in_is_known_without_weaving_it() -> None:
    source = "{% extends 'a' %}{% block x %}{% render 'b' %}{% raw %}{% render 'c' %}{% endraw %}{% endblock %}"
    assert marked(source).names() == {"a", "b"}
    assert may_take_in(source)
    assert not any(map(may_take_in, ("{{ render }}", "render 'a'", "{% if block %}{% endif %}", "{% renders 'a' %}")))
