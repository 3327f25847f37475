"""Every filter with odd values and odd arguments: it renders, or says why not, and never tells a value."""

from __future__ import annotations

import itertools
import random
import warnings

import pytest

from shared.text.liquid.environment import BoundedEnvironment
from shared.text.rendering import CompiledTemplate, RenderError, Text
from tests.liquid.test_missing import FILTERS

CANARY = "canary4711"
REASONS = {
    "MISSING_VARIABLE", "NOT_A_NUMBER", "NOT_A_DATE", "AMBIGUOUS_DATE", "DIVIDED_BY_ZERO", "RENDER_FAILED",
    "RENDER_LIMIT",
}  # fmt: skip
ODD: list[object] = [
    None, True, False, 0, -1, 3, 2**53, 10**29, 10**31, -(10**31), 0.0, -2.5, 1e-300, 1e300, "", " ", CANARY,
    f"{CANARY}\ud800",
    f"\x00{CANARY}", "é😀\u2028", "1", "-7.5", "9" * 5000, "2026-04-03", "%Y%", "%-", "&#x110000;", "<b a='",
    "a,b,,", "=", "====",
    "%ff%FE", [], [CANARY], [None, 1, CANARY, [2, {}]], [[[[[[CANARY]]]]]], {}, {CANARY: CANARY}, {"k": 1,
    "size": -1, "first": None},
    [{"k": 2}, {"k": CANARY}, {}, None, 3, CANARY], [{"k": {"k": []}}], list(range(50)), CANARY * 3000,
]  # fmt: skip
ARGUMENTS = [
    "a",
    "b",
    "'k'",
    "nil",
    "true",
    "-3",
    "2.5",
    "'%s%L'",
    "(1..3)",
    "empty",
    "blank",
    "(a..b)",
    "a.k",
    "b[a]",
    "b.first",
]


def calls(seed: int) -> list[str]:
    """30 calls of each filter with arguments by chance; the same for the same seed."""
    chance = random.Random(seed)
    made = []
    for (name, most), _ in itertools.product([*FILTERS.items(), ("default", 1)], range(30)):
        given = chance.randint(0, most)
        args = ", ".join(chance.choice(ARGUMENTS) for _ in range(given))
        made.append(f"{{{{ a | {name}{': ' if given else ''}{args} }}}}")
    return made


@pytest.mark.parametrize("html", [False, True])
def test_whatever_a_filter_is_given_it_renders_or_says_why_not_without_a_value(html: bool) -> None:
    chance = random.Random(7 if html else 8)
    seen: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for body in calls(html):
            try:
                template = CompiledTemplate([Text("", "", "", "x" if html else body, body if html else "")], "en")
            except RenderError as error:
                assert error.reason == "TEMPLATE_SYNTAX", (body, error)  # too few arguments
                continue
            for _ in range(4):
                context = {"a": chance.choice(ODD), "b": chance.choice(ODD)}
                try:
                    template.render("EMAIL", "", context)
                except RenderError as error:
                    seen.add(error.reason)
                    assert CANARY not in str(error), body
                    assert CANARY not in error.variable, body
                    assert error.__cause__ is None, body
                    assert error.__suppress_context__, body
    assert {"NOT_A_NUMBER", "RENDER_FAILED", "RENDER_LIMIT"} <= seen <= REASONS


STATEMENTS = [
    "{% for i in a limit: b offset: b %}{{ i }}{% endfor %}",
    "{% for i in (a..b) reversed %}{{ i }}{% endfor %}",
    "{% tablerow i in a cols: b limit: b %}{{ i }}{% endtablerow %}",
    "{% if a == b or a < b or a contains b %}x{% endif %}",
    "{% if a >= b %}x{% elsif b <= a %}y{% endif %}",
    "{% unless a != blank and b > empty %}x{% endunless %}",
    "{% case a %}{% when b, 'k' or nil %}x{% else %}y{% endcase %}",
    "{% cycle a: b, a %}{% cycle b, a %}",
    "{% assign c = a %}{{ c[b].k }}",
    "{% capture c %}{{ a }}{% endcapture %}{{ c | append: b }}",
    "{% increment a %}{% decrement a %}{{ a }}",
    "{% ifchanged %}{{ a }}{% endifchanged %}",
    "{% liquid assign c = a\n echo c\n if b\n echo b\n endif %}",
    "{{ a.size }}{{ a.first }}{{ a.last }}{{ a[0] }}{{ a[-1] }}",
    "{{ a[b] }}",
    "{% for i in (1..3) %}{% if a %}{% break %}{% else %}{% continue %}{% endif %}{% endfor %}",
    "{% break %}",
    "<a href='{{ a }}{{ b }}' {{ a }} onclick='{{ b }}'>{{ a | safe }}</a><script>{{ b }}</script>",
    "<a {{ a | safe }} b={{ b }} {{ b | safe }}>",
]


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("body", STATEMENTS)
def test_so_does_every_tag(body: str, html: bool) -> None:
    template = CompiledTemplate([Text("", "", "", "x" if html else body, body if html else "")], "en")
    for a, b in itertools.product(ODD, ODD[::3]):
        try:
            template.render("EMAIL", "", {"a": a, "b": b})
        except RenderError as error:
            assert error.reason in REASONS
            assert CANARY not in str(error)


PIECES = [
    "{{", "}}", "{%", "%}", "-%}", "{%-", "{{-", "-}}", " ", "\n", "'", '"', "a", "1", ".", "..", "(", ")",
    "[", "]", "|", ":",
    ",", "==", "<", "and", "or", "contains", "if", "endif", "elsif", "else", "for", "endfor", "in", "raw",
    "endraw", "comment",
    "endcomment", "doc", "enddoc", "liquid", "assign", "capture", "endcapture", "case", "when", "endcase",
    "cycle", "echo",
    "tablerow", "limit", "offset", "reversed", "unless", "#", "upcase", "default", "plus", "{{ a }}",
    "{% if a %}", "{% endif %}",
]  # fmt: skip


def test_no_text_breaks_the_parser() -> None:
    chance = random.Random(11)
    for _ in range(2_000):
        source = " ".join(chance.choices(PIECES, k=chance.randint(1, 14)))
        try:
            CompiledTemplate([Text("", "", "", source, source)], "en").render("EMAIL", "", {"a": "x"})
        except RenderError as error:
            assert error.reason in {"TEMPLATE_SYNTAX", "TEMPLATE_TOO_LARGE", *REASONS}


def test_all_filters_of_the_library_are_there() -> None:
    class Library(BoundedEnvironment.__base__):  # type: ignore[name-defined,misc]
        pass

    assert set(Library().filters) == {*FILTERS, "default"}
