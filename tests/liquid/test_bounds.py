"""No template keeps a processor or the memory for long, whatever it says and is given."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable

import pytest

from shared.text.rendering import CompiledTemplate, RenderError, Text
from tests.liquid.rendering import refused, rendered

#: Longest a text may take to be read or rendered, s of CPU; some 0.05 on a quiet machine.
LONGEST = 0.25
#: Most memory of a rendering, bytes.
MOST = 64 * 2**20


def cpu_seconds(work: Callable[[], object]) -> float:
    """The least of three runs: others may be on the machine."""
    took = []
    for _ in range(3):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
        if took[-1] < LONGEST / 4:
            break
    return min(took)


def full(piece: str, size: int = 65_500) -> str:
    return piece * (size // len(piece))


HEAVY_TEXTS = {
    "outputs": "{{ a }}" * 2_000,
    "filters": "{{ a | upcase }}" * 1_990,
    "conditions": "{% if a == 1 %}x{% endif %}" * 1_000,
    "loops": "{% for a in b %}{{ a }}{% endfor %}" * 660,
    "a chain of filters": "{{ a" + full("|abs", 32_000) + "}}",
    "many choices": "{% case a %}{% when 1" + full(",1", 32_000) + "%}{% endcase %}",
    "a cycle": "{% cycle 1" + full(",1", 32_000) + "%}",
    "a path": "{{ a" + full(".a", 32_000) + "}}",
    "paths in paths": "{{ " + "a[" * 9_000 + "a" + "]" * 9_000 + "}}",
    "and": "{% if a" + full(" and a", 32_000) + "%}{% endif %}",
    "or": ("{% if a" + " or a==1" * 90 + "%}{% endif %}") * 40,
    "brackets": "{{ " + "(" * 32_000 + "}}",
    "square brackets": "{{ " + full("['a' x", 32_000) + "}}",
    "blanks": "{{ " + " " * 65_000,
    "blanks within": "{{ a" + " " * 65_000 + "b }}",
    "blanks in a tag": "{% if" + " " * 65_000,
    "openings": full("{{"),
    "openings of tags": full("{%"),
    "openings and blanks": full("{{  "),
    "raw": full("{% raw %}"),
    "comments": full("{% comment %}"),
    "comments in comments": full("{% comment %}", 30_000) + full("{% endcomment %}", 34_000),
    "docs": full("{% doc %}"),
    "lines": "{% liquid " + full("echo a\n", 32_000) + "%}",
    "liquid in liquid": "{% liquid " + full("liquid ", 32_000) + "%}",
    "a long line": "{% liquid a" + " " * 60_000 + "b %}",
    "carriage returns": "{% liquid " + full("a \r", 60_000) + " %}",
    "nesting": "{% if a %}" * 6_000,
    "quotes": "{{ " + full("\"'", 32_000) + "}}",
    "digits": "{{ " + "1" * 60_000 + " }}",
    "ranges": "{{ " + full("(1..2)", 32_000) + " }}",
    "else": "{% if a %}" + full("{% elsif a %}", 20_000) + "{% endif %}",
}
HEAVY_HTML = {
    "addresses": "<a href='{{ a }}'>x</a>" * 1_990,
    "attributes": "<p " + full("a ", 60_000) + ">{{ a | upcase }}",
    "attributes of nothing": "<p " + full("= ", 60_000) + ">{{ a }}",
    "a long name": "<p " + "a" * 60_000 + "{{ a }}",
    "openings": full("<", 60_000) + "{{ a }}",
    "quotes": full("<a b='", 60_000) + "{{ a }}",
    "comments": full("<!--", 60_000) + "{{ a }}",
    "conditions": full("<!--[if", 60_000) + "{{ a }}",
    "scripts": full("<script></script>", 60_000) + "{{ a }}",
    "styles": "<style>" + full("url(", 60_000) + "{{ a }}",
    "blanks": "<a" + full(" a  =", 60_000) + "{{ a }}",
}


@pytest.mark.parametrize("name", HEAVY_TEXTS)
def test_a_text_is_read_or_refused_at_once(name: str) -> None:
    assert cpu_seconds(lambda: _compile(Text("", "", "", HEAVY_TEXTS[name], ""))) < LONGEST


@pytest.mark.parametrize("name", HEAVY_HTML)
def test_so_is_html(name: str) -> None:
    assert cpu_seconds(lambda: _compile(Text("", "", "", "x", HEAVY_HTML[name]))) < LONGEST


def _compile(text: Text) -> None:
    try:
        CompiledTemplate([text], "en")
    except RenderError as error:
        assert error.reason in ("TEMPLATE_SYNTAX", "TEMPLATE_TOO_LARGE")


VALUES: dict[str, object] = {
    "long": "ab" * 30_000,
    "same": "a" * 29_999,
    "near": "a" * 7_000 + "b" + "a" * 7_000,
    "blanks": " " * 60_000,
    "tags": "<a>" * 20_000,
    "unclosed": "<script " * 8_000,
    "emoji": "é😀" * 15_000,
    "escapes": "%41&#65;" * 7_500,
    "numbers": list(range(9_999)),
    "texts": [f"item {n}" for n in range(5_000)],
    "alike": ["a" * 3_000 + str(n % 2) for n in range(20)] * 400,
    "objects": [{"n": n, "k": f"v{n % 7}", "o": {"p": [n]}} for n in range(2_000)],
    "deep": json.loads("[" * 30 + "1" + "]" * 30),
    "keys": {f"k{n}": "v" * 20 for n in range(2_000)},
    "items": [{"name": "Ann", "n": n, "u": {"v": "x"}} for n in range(1_000)],
}
FOUR = "{% capture four %}{{ blanks }}{{ blanks }}{{ blanks }}{{ blanks }}{% endcapture %}"
LOOP, END = "{% for i in (1..1000) %}", "{% endfor %}"
STATEMENTS = [
    *(
        "numbers | uniq",
        "objects | uniq",
        "texts | uniq",
        "alike | uniq",
        "numbers | sort",
        "alike | sort",
        "objects | sort: 'n'",
    ),
    *(
        "texts | sort_natural",
        "alike | sort_natural",
        "objects | sort_natural: 'o'",
        "numbers | join",
        "objects | join",
        "deep",
    ),
    *(
        "objects | where: 'k', 'v1'",
        "objects | map: 'o'",
        "numbers | sum",
        "objects | compact: 'k'",
        "texts | reverse | concat: texts",
    ),
    *(
        "objects | find: 'n', -1",
        "objects | has: 'o', objects",
        "keys",
        "objects",
        "keys | append: keys",
        "numbers | concat: numbers",
    ),
    *(
        "long | upcase",
        "emoji | upcase",
        "long | replace: 'a', 'bc'",
        "same | replace: near, 'x'",
        "same | split: near",
        "long | split: 'b'",
    ),
    *(
        "same | remove_last: near",
        "tags | strip_html",
        "unclosed | strip_html",
        "blanks | squish",
        "escapes | url_decode",
        "emoji | url_encode",
    ),
    *(
        "emoji | escapejs",
        "long | escape",
        "escapes | escape_once",
        "long | base64_encode",
        "long | truncatewords: 3",
        "long | slice: 1, 50000",
    ),
    *(
        "blanks | split: ' '",
        "long | newline_to_br",
        "long | append: long",
        "'2026-04-03' | date: '%c%c%c%c'",
        "near | strip_newlines",
    ),
]
HEAVY_BODIES = {
    **{f"{{{{ {s} }}}}": f"{LOOP}{{% assign z = {s} %}}{END}" for s in STATEMENTS},
    **{f"printed {s}": f"{LOOP}{{% capture z %}}{{{{ {s} }}}}{{% endcapture %}}{END}" for s in STATEMENTS[::4]},
    "outputs": "{% for i in items %}" + "{{ i.u.v }}" * 300 + END,
    "blocks": LOOP + "{% if true %}{% endif %}" * 900 + END,
    "texts between": LOOP + "a{% if true %} {% endif %}" * 900 + END,
    "loops": LOOP + "{% for j in (1..1) %}{% break %}{% endfor %}" * 300 + END,
    "loops after loops": (LOOP + END) * 900,
    "choices": LOOP + "{% case i %}{% when " + "1," * 900 + "2 %}{% endcase %}" + END,
    "conditions": LOOP + ("{% if i" + " and i == 3" * 90 + " %}{% endif %}") * 9 + END,
    "comparisons": LOOP + "{% if objects == objects %}{% endif %}{% if long == long %}{% endif %}" * 30 + END,
    "equal lists": LOOP + "{% if objects == twin %}{% endif %}" * 30 + END,
    "containing": LOOP + "{% if same contains near %}{% endif %}{% if objects contains keys %}{% endif %}" * 30 + END,
    "captures": LOOP + "{% capture a %}" + "x" * 60_000 + "{% endcapture %}" + END,
    "variables": "".join(f"{{% assign a{n} = long %}}" for n in range(1_000)),
    "many variables": LOOP + "".join(f"{{% assign a{n} = 1 %}}" for n in range(900)) + END,
    "cycles": LOOP + "{% cycle long, objects, keys %}" * 300 + END,
    "rows": "{% tablerow i in items cols: 3 %}{{ i.name }}{% endtablerow %}" * 300,
    "changes": LOOP + "{% ifchanged %}{{ long }}{% endifchanged %}" * 30 + END,
    "blank": FOUR + LOOP + ("{% case four %}{% when " + "blank," * 16 + "blank %}{% endcase %}") * 5 + END,
    "blank or not": FOUR + LOOP + "{% if four == blank %}{% endif %}{% if blank != four %}{% endif %}" * 30 + END,
    "a far offset": "{% for i in (1..999999999999999999) offset: 999999999999999990 %}{{ i }}{% endfor %}" * 60,
    "keys of keys": LOOP + "{{ keys[long] | default: 1 }}" * 300 + END,
    "a long path": LOOP + "{{ i" + ".a" * 9_000 + " | default: 1 }}" + END,
}
HEAVY_PARTS = {
    "addresses": "{% for i in items %}" + "<a href='{{ i.name }}'>x</a>" * 300 + END,
    "scripts": LOOP + "<script>{{ emoji }}</script>" + END,
    "styles": LOOP + "<p style='{{ escapes }}'>" + END,
    "without quotes": LOOP + "<p title={{ tags }}>" + END,
    "captures": LOOP + "{% capture a %}{{ tags }}" + "<a b=c>" * 900 + "{% endcapture %}{{ a }}" + END,
    "safe tags": LOOP + "{{ tags | safe }}" + END,
    "safe attributes": LOOP + "<p {{ long | safe }} {{ blanks | safe }}>" + END,
    "half attributes": LOOP + "<p {{ attributes | safe }}>" + END,
    "a hidden address": LOOP + "<a href='{{ blanks }}{{ long }}'>" + END,
}


@pytest.mark.parametrize("name", HEAVY_BODIES)
def test_a_body_is_rendered_or_refused_at_once(name: str) -> None:
    assert cpu_seconds(_rendering(Text("", "", "", HEAVY_BODIES[name], ""))) < LONGEST


@pytest.mark.parametrize("name", HEAVY_PARTS)
def test_so_is_an_html_part(name: str) -> None:
    assert cpu_seconds(_rendering(Text("", "", "", "x", HEAVY_PARTS[name]))) < LONGEST


def _rendering(text: Text) -> Callable[[], None]:
    template = CompiledTemplate([text], "en")
    context = {**VALUES, "twin": json.loads(json.dumps(VALUES["objects"])), "attributes": "a=b 'c='" * 6_000}

    def render() -> None:
        try:
            template.render("EMAIL", "", context)
        except RenderError as error:
            assert error.reason in ("RENDER_LIMIT", "RENDER_FAILED")

    return render


@pytest.mark.parametrize("name", ["{{ keys | append: keys }}", "{{ long | append: long }}", "variables", "captures"])
def test_little_memory_is_taken(name: str) -> None:
    render = _rendering(Text("", "", "", HEAVY_BODIES[name], ""))
    tracemalloc.start()
    try:
        render()
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()


def test_what_a_digest_needs_is_within_the_bounds() -> None:
    each = "{{ e.author | capitalize }}: {{ e.text }} ({{ e.at | date: '%H:%M' }})"
    body = f"{{% for e in digest.entries %}}{each}{{% endfor %}}"
    entries = [{"author": "ann", "text": "Hello & welcome", "at": 1_775_207_225}] * 600
    html = "{% for e in digest.entries %}<li><a href='{{ e.url }}'>{{ e.author }}</a> {{ e.text }}</li>{% endfor %}"
    text = Text("", "", "{{ digest.count }} comments", body, html)
    context = {"digest": {"count": 600, "entries": [{**entry, "url": "https://example.com/1"} for entry in entries]}}
    done = CompiledTemplate([text], "en").render("EMAIL", "", context)
    assert done.body.count("Ann: Hello & welcome (09:07)") == 600
    assert done.html_body.count("<li>") == 600


@pytest.mark.parametrize("words", [9_000, 10_000])
def test_as_many_words_as_a_list_may_hold_are_split(words: int) -> None:
    assert rendered("{{ t | split: ' ' | size }}", {"t": "word  " * words}) == str(words)


def test_more_are_refused() -> None:
    assert refused("{{ t | split: ' ' | size }}", {"t": "a " * 10_001}).reason == "RENDER_LIMIT"


@pytest.mark.parametrize(
    "name", ["escape", "escapejs", "upcase", "url_encode", "strip_html", "newline_to_br", "truncatewords: 3"]
)
def test_a_text_as_long_as_a_context_may_hold_is_taken(name: str) -> None:
    text = "word " * 12_800
    template = CompiledTemplate([Text("", "", "", f"{{{{ t | {name} }}}}", f"<p>{{{{ t | {name} }}}}</p>")], "en")
    assert template.render("EMAIL", "", {"t": text}).body
