"""No word of Python's reaches a customer, whichever way a value is printed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.text.rendering import CompiledTemplate, Text
from tests.liquid.rendering import rendered, rendered_html

CONTEXT: dict[str, Any] = {
    "none": None,
    "yes": True,
    "no": False,
    "tiny": 1e-07,
    "tinier": -2.5e-10,
    "large": 1e21,
    "larger": 1.5e22,
    "half": 0.5,
    "whole": 3.0,
    "minus_nothing": -0.0,
    "big": 10**29,
    "names": ["Ann", None, True, 1e-07, ["Bob", 2]],
    "nobody": [],
    "person": {"name": "Ann", "vip": True, "email": None, "rate": 1e-07, "tags": ["a", 1]},
    "people": [{"name": "Ann"}, {"name": None}],
    "quoted": {"say": 'He said "hi"', "emoji": "é😀"},
}
PERSON = '{"name":"Ann","vip":true,"email":null,"rate":0.0000001,"tags":["a",1]}'

WORDS = [
    ("none", ""),
    ("yes", "true"),
    ("no", "false"),
    ("tiny", "0.0000001"),
    ("tinier", "-0.00000000025"),
    ("large", "1000000000000000000000.0"),
    ("larger", "15000000000000000000000.0"),
    ("half", "0.5"),
    ("whole", "3.0"),
    ("minus_nothing", "0.0"),
    ("big", "1" + "0" * 29),
    ("names", "Anntrue0.0000001Bob2"),
    ("nobody", ""),
    ("person", PERSON),
    ("people", '{"name":"Ann"}{"name":null}'),
    ("quoted", '{"say":"He said \\"hi\\"","emoji":"é😀"}'),
    ("person.vip", "true"),
    ("person.tags", "a1"),
    ("people[1].name", ""),
    ("(1..3)", "1..3"),
    ("nil", ""),
    ("true", "true"),
]


@pytest.mark.parametrize(("name", "words"), WORDS)
def test_a_value_is_printed_as_liquid_prints_it(name: str, words: str) -> None:
    assert rendered(f"<{{{{ {name} }}}}>", CONTEXT) == f"<{words}>"


@pytest.mark.parametrize(("name", "words"), [w for w in WORDS if "[" not in w[0]])
@pytest.mark.parametrize(
    "body",
    [
        "{{ '' | append: VALUE }}",
        "{{ '' | prepend: VALUE }}",
        "{{ 'x' | replace: 'x', VALUE }}",
        "{{ 'x' | replace_first: 'x', VALUE }}",
        "{{ 'x' | replace_last: 'x', VALUE }}",
        "{{ VALUE | append: '' }}",
        "{{ VALUE | strip }}",
        "{{ VALUE | url_encode | url_decode }}",
        "{{ VALUE | base64_encode | base64_decode }}",
        "{% assign v = VALUE %}{{ v }}",
        "{% capture v %}{{ VALUE }}{% endcapture %}{{ v }}",
        "{% cycle VALUE, 'x' %}",
        "{% echo VALUE %}",
        "{% liquid echo VALUE %}",
        "{% for i in (1..1) %}{{ VALUE }}{% endfor %}",
        "{{ 'longer text' | truncate: 0, VALUE }}",
    ],
)
def test_filters_and_tags_print_it_alike(body: str, name: str, words: str) -> None:
    assert rendered(body.replace("VALUE", name), CONTEXT) == words


def test_a_missing_name_between_names_leaves_a_blank() -> None:
    body = "{{ first | append: ' ' | append: last }}"
    assert rendered(body, {"first": "Ann", "last": None}) == "Ann "
    assert rendered(body, {"first": None, "last": "Lee"}) == " Lee"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{ names | join: ', ' }}", "Ann, , true, 0.0000001, Bob, 2"),
        ("{{ names | join: yes }}", "Anntruetruetruetrue0.0000001trueBobtrue2"),
        ("{{ nobody | join: ', ' }}", ""),
        ("{{ people | map: 'name' | join: '-' }}", "Ann-"),
        ("{{ 'True story' | remove: yes }}", "True story"),
        ("{{ 'true story' | remove: yes }}", " story"),
        ("{{ 'a b' | split: none }}", "a b"),
        ("{{ yes | upcase }}", "TRUE"),
        ("{{ none | upcase }}", ""),
        ("{{ none | size }}", "0"),
        ("{{ person | first | first }}", "name"),
        ("{% for pair in person %}{{ pair }};{% endfor %}", "nameAnn;viptrue;email;rate0.0000001;tagsa1;"),
        ("{{ 12345 | slice: 1, 2 }}", "23"),
        ("{{ yes | default: 'x' }}{{ no | default: 'x' }}{{ no | default: 'x', allow_false: true }}", "truexfalse"),
    ],
)
def test_lists_and_truth_in_filters(body: str, words: str) -> None:
    assert rendered(body, CONTEXT) == words


@pytest.mark.parametrize(("name", "words"), [w for w in WORDS if "[" not in w[0] and "(" not in w[0]])
def test_subject_and_html_say_the_same(name: str, words: str) -> None:
    text = Text("", "", f"{{{{ {name} }}}}", "x", f"<p>{{{{ {name} }}}}</p>")
    done = CompiledTemplate([text], "en").render("EMAIL", "", CONTEXT)
    escaped = words.replace("&", "&amp;").replace('"', "&#34;")
    assert (done.subject, done.html_body) == (words, f"<p>{escaped}</p>")


def test_an_object_is_printed_as_json_that_can_be_read_again() -> None:
    assert json.loads(rendered("{{ person }}", CONTEXT)) == CONTEXT["person"]


def test_loops_and_literals_print_nothing_of_the_library() -> None:
    assert rendered("{% for i in (1..1) %}{{ forloop }}{% endfor %}{{ empty }}{{ blank }}") == ""
    assert rendered_html("{% for i in (1..2) %}{{ forloop.first }}{% endfor %}") == "truefalse"
