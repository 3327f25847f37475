"""Filters of texts and lists at their edges, as Liquid documents them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.liquid.rendering import refused, rendered, rendered_html

CONTEXT: dict[str, Any] = {
    "null": None,
    "mixed": [{"n": 2, "k": "b"}, {"n": 1, "k": "a"}, {"k": "c"}, {"n": None, "k": "B"}],
    "flags": [{"on": True, "i": 1}, {"on": False, "i": 2}, {"on": 1, "i": 3}, {"i": 4}],
    "twice": [1, True, 1.0, "1", "a", "a", None, None, {"x": 1}, {"x": 1}, [2]],
    "words": ["b", "A", "c", None, "B"],
    "html": "<p>Hi <b>you</b></p>",
}

EDGES = [
    ("{{ 'abc' | truncate: 3 }}", "abc"),
    ("{{ 'abcd' | truncate: 3 }}", "..."),
    ("{{ 'abcdef' | truncate: 5 }}", "ab..."),
    ("{{ 'abcdef' | truncate: 2 }}", "..."),
    ("{{ 'abcdef' | truncate: 0, '' }}", ""),
    ("{{ 'abcdef' | truncate: -1 }}", "..."),
    ("{{ 'abcdef' | truncate: '4', '…' }}", "abc…"),
    ("{{ null | truncate: 3 }}", ""),
    ("{{ 'a  b c' | truncatewords: 3 }}", "a  b c"),
    ("{{ 'a b c d' | truncatewords: 2 }}", "a b..."),
    ("{{ 'a b' | truncatewords: 0 }}", "a..."),
    ("{{ 'Liquid' | slice: 0 }}", "L"),
    ("{{ 'Liquid' | slice: 2, 5 }}", "quid"),
    ("{{ 'Liquid' | slice: -3, 2 }}", "ui"),
    ("{{ 'Liquid' | slice: -9, 5 }}", ""),
    ("{{ 'Liquid' | slice: 9, 5 }}", ""),
    ("{{ 'Liquid' | slice: 1, -1 }}", ""),
    ("{{ 'Liquid' | slice: '1', '2' }}", "iq"),
    ("{{ 'a,b,,' | split: ',' | size }}", "2"),
    ("{{ ',a' | split: ',' | size }}", "2"),
    ("{{ ' a  b ' | split: ' ' | join: '-' }}", "a-b"),
    ("{{ 'abc' | split: '' | join: '-' }}", "a-b-c"),
    ("{{ '' | split: ',' | size }}", "0"),
    ("{{ null | split: ',' | size }}", "0"),
    ("{{ 'a' | remove_last: 'a' }}|{{ 'aba' | remove_last: 'a' }}|{{ 'b' | remove_last: 'a' }}", "|ab|b"),
    ("{{ 'aba' | replace_last: 'a', 'x' }}|{{ 'a' | replace_last: 'a', 'x' }}", "abx|x"),
    ("{{ 'aba' | replace_first: 'a', 'x' }}{{ 'aba' | remove_first: 'a' }}", "xbaba"),
    ("{{ 'ab' | replace: '', '-' }}", "-a-b-"),
    ("{{ 'tITLE case' | capitalize }}", "Title case"),
    ("{{ html | strip_html }}", "Hi you"),
    ("{{ '<script>x</script>a<!-- b > c -->d<style>e</style>f<g' | strip_html }}", "adf<g"),
    ("{{ 'a < b' | strip_html }}", "a < b"),
    ("{{ 'İİ<b>x</b><STYLE>y</Style>' | strip_html }}", "İİx"),
    ("{{ '<p>İstanbul<!-- ß 😀 --> ve <b>İzmir</b></p>.' | strip_html }}", "İstanbul ve İzmir."),
    ("{{ ' a \n b ' | squish }}", "a b"),
    ("{{ 'a & b' | url_encode }}{{ 'a+%26' | url_decode }}", "a+%26+ba &"),
    ("{{ 'é' | base64_encode }}{{ 'w6k=' | base64_decode }}", "w6k=é"),
    ("{{ 'ü>?' | base64_url_safe_encode | base64_url_safe_decode }}", "ü>?"),
    ("{{ '1 < 2 &amp; 3' | escape_once }}", "1 &lt; 2 &amp; 3"),
    ("{{ '?a=1&region=eu&copy=2&para' | escape_once }}", "?a=1&amp;region=eu&amp;copy=2&amp;para"),
    ("{{ '&#39;&#x1F600;&frac12;' | escape_once }}", "&#39;&#x1F600;&frac12;"),
    ("{{ '&;&#;&#x;&a b;' | escape_once }}", "&amp;;&amp;#;&amp;#x;&amp;a b;"),
    ("{{ '<a>' | escape | escape_once | escape_once }}", "&lt;a&gt;"),
    ("{{ words | sort | join: ',' }}", "A,B,b,c,"),
    ("{{ words | sort_natural | join: ',' }}", "A,b,B,c,"),
    ("{{ mixed | sort: 'n' | map: 'k' | join: ',' }}", "a,b,c,B"),
    ("{{ mixed | sort_natural: 'k' | map: 'k' | join: ',' }}", "a,b,B,c"),
    ("{{ mixed | compact: 'n' | size }}{{ words | compact | size }}", "24"),
    ("{{ flags | where: 'on' | map: 'i' | join: ',' }}", "1,3"),
    ("{{ flags | where: 'on', true | map: 'i' | join: ',' }}", "1"),
    ("{{ flags | where: 'on', 1 | map: 'i' | join: ',' }}", "3"),
    ("{{ flags | where: 'on', false | map: 'i' | join: ',' }}", "2"),
    ("{{ flags | where: 'on', nil | map: 'i' | join: ',' }}", "1,3"),
    ("{{ flags | reject: 'on' | map: 'i' | join: ',' }}", "2,4"),
    ("{{ flags | find: 'on', false | map: 'i' }}{{ flags | find_index: 'i', 3 }}{{ flags | has: 'i', 9 }}", "22false"),
    ("{{ flags | find: 'on', 'x' }}{{ flags | find_index: 'x' }}", ""),
    ("{{ twice | uniq | size }}", "7"),
    ("{{ flags | uniq: 'on' | size }}", "4"),
    ("{{ words | first }}{{ words | last }}{{ null | first }}{{ 'abc' | last }}", "bB"),
    ("{{ words | reverse | join: ',' }}", "B,,c,A,b"),
    ("{{ words | concat: flags | size }}{{ null | concat: words | size }}", "95"),
    ("{{ 'abc' | size }}{{ 5 | size }}{{ words | size }}{{ (1..4) | size }}", "3054"),
    ("{{ (1..3) | join: '' }}{{ 'a' | join: '-' }}", "123a"),
    ("{{ '' | default: 'x' }}{{ ' ' | default: 'x' }}{{ 0 | default: 'x' }}{{ null | default: 'x' }}", "x 0x"),
    ("{% for i in (1..5) limit: 0 %}{{ i }}{% endfor %}|", "|"),
    ("{% for i in (1..5) limit: 2 offset: 2 %}{{ i }}{% endfor %}", "34"),
    ("{% for i in (1..4) limit: 2 %}{{ i }}{% endfor %}{% for i in (1..4) offset: continue %}{{ i }}{% endfor %}",
     "1234"),
    ("{% for i in (1..100000000000) offset: 99999999998 reversed %}{{ i }},{% endfor %}", "100000000000,99999999999,"),
    ("{% for i in null %}x{% else %}none{% endfor %}{% for i in 'ab' %}{{ i }}{% endfor %}", "noneab"),
    ("{{ partial }}", "mine"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "text"), EDGES)
def test_a_filter_does_as_liquid_documents_it(body: str, text: str) -> None:
    assert rendered(body, {**CONTEXT, "partial": "mine"}) == text


@pytest.mark.parametrize(
    "body",
    [
        "{{ '!' | base64_decode }}",
        "{{ 'gICA' | base64_decode }}",
        "{{ 'x' | concat: 'y' }}",
        "{{ flags | sort }}",
        "{{ twice | sort }}",
        "{{ 'abc' | slice: 'x' }}",
        "{{ 'abc' | truncate: 'x' }}",
        "{% break %}",
    ],
)
def test_what_a_filter_cannot_take_is_refused(body: str) -> None:
    assert refused(body, CONTEXT).reason in ("RENDER_FAILED", "NOT_A_NUMBER")


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("{{ '<b>' | append: n | append: '</b>' }}", "<b>&lt;i&gt;</b>"),
        ("{{ n | prepend: '<b>' }}", "<b>&lt;i&gt;"),
        ("{{ 'x' | replace: 'x', n }}", "&lt;i&gt;"),
        ("{{ lines | newline_to_br }}", "&lt;<br />\n&gt;"),
        ("{{ n | escape }}{{ n | safe }}", "&lt;i&gt;<i>"),
        ("{{ list | join: '<br>' }}", "&lt;1&gt;<br>&lt;2&gt;"),
        ("{{ list | join }}{{ list }}", "&lt;1&gt; &lt;2&gt;&lt;1&gt;&lt;2&gt;"),
        ("{% capture c %}<b>{{ n }}</b>{% endcapture %}{{ c }}{{ c | upcase }}", "<b>&lt;i&gt;</b><B>&LT;I&GT;</B>"),
        ("{{ n | date: '' }}{{ n | truncate: 2, '<' }}", "&lt;i&gt;&lt;<"),
    ],
)
def test_what_is_the_templates_own_stays_html_and_what_is_a_value_is_escaped(body: str, html: str) -> None:
    assert rendered_html(body, {"n": "<i>", "lines": "<\n>", "list": ["<1>", "<2>"]}) == html
