"""Templates say what they should, and cannot do what they should not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.text.rendering import CompiledTemplate, RenderError, Text


def template(body: str = "x", subject: str = "", html: str = "") -> CompiledTemplate:
    return CompiledTemplate([Text("", "", subject, body, html)], "en")


def reason_of(body: str, context: dict[str, Any], **parts: str) -> str:
    with pytest.raises(RenderError) as caught:
        template(body, **parts).render("EMAIL", "", context)
    return caught.value.reason


def test_variables_are_filled_into_subject_text_and_html() -> None:
    rendered = template("Hi {{ name }}", "Welcome {{ name }}", "<b>{{ name }}</b>").render("EMAIL", "", {"name": "Ann"})
    assert (rendered.subject, rendered.body, rendered.html_body) == ("Welcome Ann", "Hi Ann", "<b>Ann</b>")


def test_html_escapes_values_and_text_does_not() -> None:
    rendered = template("{{ n }}", html="<p>{{ n }}</p>").render("EMAIL", "", {"n": "<script>&"})
    assert (rendered.body, rendered.html_body) == ("<script>&", "<p>&lt;script&gt;&amp;</p>")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " JaVaScRiPt:alert(1)",
        "java\tscript:x",
        "\x01javascript:x",
        "vbscript:x",
        "data:text/html,x",
    ],
)
def test_a_url_that_would_run_a_script_is_taken_out_of_html(url: str) -> None:
    rendered = template(html="<a href='{{ u.link }}'>x</a>").render("EMAIL", "", {"u": {"link": url}})
    assert rendered.html_body == "<a href='about:blank'>x</a>"


@pytest.mark.parametrize(
    ("body", "variable"),
    [
        ("{{ name }}", "name"),
        ("{{ user.name }}", "user.name"),
        ("{{ user.__class__ }}", "user.__class__"),
        ("{% for x in names %}{{ x }}{{ y }}{% endfor %}", "y"),
    ],
)
def test_a_missing_variable_is_named(body: str, variable: str) -> None:
    with pytest.raises(RenderError) as caught:
        template(body).render("SMS", "", {"user": {}, "names": ["a"]})
    assert (caught.value.reason, caught.value.variable) == ("MISSING_VARIABLE", variable)


def test_what_has_a_default_or_is_only_asked_for_is_not_missing() -> None:
    assert template("{{ name | default: 'you' }}{% if vip %}!{% endif %}").render("SMS", "", {}).body == "you"


@pytest.mark.parametrize(
    "body",
    ["{{", "{{ }}", "{% if %}", "{% for x in y %}", "{% include 'x' %}", "{% render 'x' %}", "{{ x | nope }}"],
)
def test_what_is_not_liquid_is_refused_when_it_is_made(body: str) -> None:
    with pytest.raises(RenderError) as caught:
        template(body)
    assert caught.value.reason == "TEMPLATE_SYNTAX"


@pytest.mark.parametrize("body", ["x" * 65_537, "{{ x }}" * 2_001])
def test_what_is_too_large_is_refused_when_it_is_made(body: str) -> None:
    with pytest.raises(RenderError) as caught:
        template(body)
    assert caught.value.reason == "TEMPLATE_TOO_LARGE"


GREEDY = {
    "a long loop": "{% for i in (1..100000000) %}a{% endfor %}",
    "nested loops": "{% for i in (1..900) %}{% for j in (1..900) %}{% endfor %}{% endfor %}",
    "a joined range": "{{ (1..100000000) | join }}",
    "a doubling text": "{% for i in (1..60) %}{% assign s = s | append: s %}{% endfor %}",
    "a doubling list": "{% assign x = 'a' | split: ',' %}"
    "{% for i in (1..30) %}{% assign x = x | concat: x %}{% endfor %}",
    "a squaring number": "{% assign n = 9 %}{% for i in (1..99) %}{% assign n = n | times: n %}{% endfor %}",
    "replace": "{{ long | replace: 'a', long }}",
    "many filters": "{% for i in (1..1000) %}" + "{% assign z = 'a' | upcase %}" * 1_900 + "{% endfor %}",
    "a huge value": "{{ long }}{{ long }}{{ long }}{{ long }}{{ long }}",
}


@pytest.mark.parametrize("body", GREEDY.values(), ids=GREEDY.keys())
def test_a_greedy_template_is_stopped(body: str) -> None:
    began = time.process_time()
    assert reason_of(body, {"s": "ab", "long": "a" * 60_000}) == "RENDER_LIMIT"
    assert time.process_time() - began < 5  # for ever is what is meant


@pytest.mark.parametrize("value", ["a\r\nBcc: x", "a\nb", "a\x00b"])
def test_a_subject_never_holds_a_line_break(value: str) -> None:
    assert reason_of("x", {"n": value}, subject="Hi {{ n }}") == "CONTROL_CHARACTER"


def test_an_error_never_quotes_a_value() -> None:
    for body in ("{{ n | divided_by: 0 }}", "{{ n | slice: n }}", "{{ n.missing }}"):
        with pytest.raises(RenderError) as caught:
            template(body).render("SMS", "", {"n": "canary-4711", "x": {}})
        assert "canary" not in str(caught.value)


TEXTS = [
    Text("", "", "", "any en", ""),
    Text("", "de", "", "any de", ""),
    Text("SMS", "", "", "sms en", ""),
    Text("SMS", "pt", "", "sms pt", ""),
    Text("SMS", "pt-BR", "", "sms pt-BR", ""),
]


@pytest.mark.parametrize(
    ("channel", "locale", "body"),
    [
        ("EMAIL", "", "any en"),
        ("EMAIL", "de-AT", "any de"),
        ("EMAIL", "fr", "any en"),
        ("SMS", "de", "sms en"),
        ("SMS", "pt-br", "sms pt-BR"),
        ("SMS", "pt-PT", "sms pt"),
    ],
)
def test_the_nearest_content_is_taken(channel: str, locale: str, body: str) -> None:
    assert CompiledTemplate(TEXTS, "en").render(channel, locale, {}).body == body


def test_a_channel_that_nothing_is_said_by_is_an_error() -> None:
    only_sms = CompiledTemplate([Text("SMS", "", "", "x", "")], "en")
    with pytest.raises(RenderError) as caught:
        only_sms.render("PUSH", "", {})
    assert caught.value.reason == "NO_CONTENT_FOR_CHANNEL"


def test_the_names_a_context_may_have_to_hold_are_known() -> None:
    assert template("{{ a }}{% for x in b %}{{ x }}{% endfor %}", "{{ c.d }}").variables == {"a", "b", "c"}


SOURCES = st.sampled_from(
    ["", "Hi {{ a }}", "{{ a }} {{ b }}", "x\n", "<a href='{{ a }}'>", "{{ a.b }}", "{% if a %}{{ b }}{% endif %}"]
)
GIVEN = st.dictionaries(
    st.sampled_from("ab"),
    st.text(st.sampled_from("x<&'\" \n\r\x00\x7f€😀"), max_size=4)
    | st.integers()
    | st.sampled_from([None, 1.5, float("inf"), ["x"], {"b": 1}, "x" * 10_000, "&" * 70_000, 10**80]),
)


@settings(max_examples=400)
@given(SOURCES, SOURCES, SOURCES, GIVEN)
def test_what_surely_renders_is_not_refused(body: str, subject: str, html: str, context: dict[str, Any]) -> None:
    compiled = template(body, subject, html)
    compiled.is_quick("EMAIL", "", context)
    if compiled.surely_renders("EMAIL", "", context):
        compiled.render("EMAIL", "", context)


@pytest.mark.parametrize("context", [{"name": "Ann"}, {"name": ""}, {"name": 7}, {"name": "x" * 1000, "more": [1]}])
def test_a_plain_template_with_plain_values_surely_renders(context: dict[str, Any]) -> None:
    compiled = template("Hi {{ name }}", "Welcome {{ name }}", "<b>{{ name }}</b>")
    compiled.render("EMAIL", "", context)
    assert compiled.surely_renders("EMAIL", "", context)


@pytest.mark.parametrize("context", [{}, {"name": "a\nb"}, {"name": None}, {"name": ["x"]}, {"name": "x" * 1_000_000}])
def test_whatever_else_there_is_is_rendered_to_tell(context: dict[str, Any]) -> None:
    compiled = template("Hi {{ name }}", "Welcome {{ name }}")
    assert not compiled.surely_renders("EMAIL", "", context)
