"""A variable that the context does not hold is named, wherever it is used; it never counts as nothing."""

from __future__ import annotations

import pytest

from shared.text.liquid.environment import BoundedEnvironment
from shared.text.rendering import CompiledTemplate, RenderError, Text
from tests.liquid.rendering import refused, rendered, rendered_html

#: Every filter, with as many arguments as it may have.
FILTERS: dict[str, int] = {
    name: len([p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]) - 2
    for name, signature in BoundedEnvironment(autoescape=False)._takes.items()
    if name != "default"
}


def call(name: str, given: int, missing: int) -> str:
    """A call in which the value or argument number ``missing`` is a missing variable."""
    args = ["gone.amount" if n == missing else "given" for n in range(given + 1)]
    return f"{{{{ {args[0]} | {name}{': ' if given else ''}{', '.join(args[1:])} }}}}"


CALLS = [call(name, most, missing) for name, most in FILTERS.items() for missing in range(most + 1)]


@pytest.mark.parametrize("body", CALLS)
def test_no_filter_takes_a_missing_variable(body: str) -> None:
    for context in ({"given": 1, "gone": {}}, {"given": "a", "gone": {"amounts": 1}}):
        error = refused(body, context)
        assert (error.reason, error.variable) == ("MISSING_VARIABLE", "gone.amount")
        assert refused("x", context, html=body).variable == "gone.amount"


@pytest.mark.parametrize(
    ("body", "variable"),
    [
        ("{{ price | times: 1.19 | round: 2 }}", "price"),
        ("{{ 100 | divided_by: people }}", "people"),
        ("{{ 100 | minus: discount }}", "discount"),
        ("{{ due | date: '%d.%m.%Y' }}", "due"),
        ("{{ 'now' | date: form }}", "form"),
        ("{{ rows | where: 'kind', kind | size }}", "kind"),
        ("{{ rows | find: key }}", "key"),
        ("{{ rows | map: 'n' | join: glue }}", "glue"),
        ("{% assign total = price | plus: 1 %}{{ total }}", "price"),
        ("{% assign total = price %}{{ total | plus: 1 }}", "price"),
        ("{% capture total %}{{ price | plus: 1 }}{% endcapture %}", "price"),
        ("{% for i in (1..last) %}{% endfor %}", "last"),
        ("{% for i in items %}{% endfor %}", "items"),
        ("{% for i in rows limit: most %}{% endfor %}", "most"),
        ("{% for i in rows %}{{ i.n | plus: i.m }}{% endfor %}", "i.m"),
        ("{% tablerow i in rows cols: many %}{% endtablerow %}", "many"),
        ("{% cycle one, two %}", "one"),
        ("{% assign total = held.total %}{{ total.net }}", "held.total"),
        ("{% assign total = held.total %}{{ total.net | plus: 1 }}", "held.total"),
        ("{% assign total = rows[7].n %}{{ total[0].n }}", "rows[7]"),
        ("{{ rows[7].n }}", "rows[7]"),
        ("{{ rows.first.m }}", "rows.first.m"),
        ("{{ user.name.first }}", "user"),
        ("{{ held['a b'].c }}", "held['a b']"),
        ("{{ held[secret].c }}", "held[secret]"),
        ("{{ held[key].c }}", "key"),
        ("{{ [key] }}", "key"),
        ("{{ forloop.index }}", "forloop"),
    ],
)
def test_it_is_named_as_the_template_has_it(body: str, variable: str) -> None:
    error = refused(body, {"rows": [{"n": 1}], "held": {}, "secret": "ann@example.com"})
    assert (error.reason, error.variable) == ("MISSING_VARIABLE", variable)
    assert "ann@" not in str(error)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{{ name | default: 'you' }}", "you"),
        ("{{ user.name | default: 'you' | upcase }}", "YOU"),
        ("{{ given | default: other }}", "yes"),
        ("{{ held[key] | default: 'x' }}", "x"),
        ("{% if vip %}a{% else %}b{% endif %}", "b"),
        ("{% if vip.level > 3 %}a{% else %}b{% endif %}", "b"),
        ("{% unless vip %}a{% endunless %}", "a"),
        ("{% if vip == nil %}a{% endif %}{% if nil == vip %}b{% endif %}", "ab"),
        ("{% if vip == blank %}a{% endif %}{% if vip == empty %}b{% endif %}", "a"),
        ("{% if vip == false %}a{% endif %}{% if vip != 'x' %}b{% endif %}", "b"),
        ("{% if vip contains 'x' %}a{% endif %}{% if given contains vip %}b{% endif %}", ""),
        ("{% case vip %}{% when nil %}none{% else %}some{% endcase %}", "none"),
        ("{% if forloop.parentloop.index %}a{% endif %}", ""),
        ("{% for i in (1..1) %}{% if forloop.parentloop.index %}a{% endif %}{% endfor %}", ""),
    ],
)
def test_it_may_have_a_default_or_be_asked_for(body: str, text: str) -> None:
    assert rendered(body, {"given": "yes", "held": {}}) == text
    assert rendered_html(body, {"given": "yes", "held": {}}) == text


@pytest.mark.parametrize(
    "body",
    [
        "{{ rows | where }}",
        "{{ rows | find }}",
        "{{ 1 | divided_by }}",
        "{{ 1 | minus }}",
        "{{ 1 | plus: 1, 2 }}",
        "{{ 1 | times: }}",
        "{{ x | date }}",
        "{{ x | slice }}",
        "{{ x | upcase: 1 }}",
        "{{ x | append }}",
        "{{ x | default: 'a', allow_falsy: true }}",
        "{% assign y = x | replace %}",
        "{% if false %}{{ x | modulo }}{% endif %}",
        "{% liquid echo x | at_most %}",
    ],
)
def test_a_filter_with_too_few_or_too_many_arguments_is_refused_when_the_template_is_made(body: str) -> None:
    with pytest.raises(RenderError) as caught:
        CompiledTemplate([Text("", "", "", body, "")], "en")
    assert caught.value.reason == "TEMPLATE_SYNTAX"
    assert "argument" in caught.value.message
