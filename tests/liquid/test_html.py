"""A value in HTML can say anything, and do nothing: each place takes it as it can bear it."""

from __future__ import annotations

import html
import itertools
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.liquid.rendering import rendered_html

ACTIVE = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "\tjavascript:alert(1)",
    "\x01javascript:alert(1)",
    "\u00a0javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "java\r\nscript\n:alert(1)",
    "j\ta\tv\ta\ts\tc\tr\ti\tp\tt\t:alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A;avascript:alert(1)",
    "&#0000106avascript:alert(1)",
    "javascript&colon;alert(1)",
    "javascript&#58;alert(1)",
    "java&Tab;script:alert(1)",
    "java&NewLine;script:alert(1)",
    "javascript://example.com/%0Aalert(1)",
    "vbscript:msgbox(1)",
    "VBScript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    " DATA:text/html;base64,PHNjcmlwdD4=",
    "data:image/svg+xml,<svg/>",
    "livescript:x",
]
URL_PLACES = [
    '<a href="{{ u }}">x</a>',
    "<a href='{{ u }}'>x</a>",
    "<a href = '{{ u }}'>x</a>",
    "<A HREF='{{ u }}'>x</A>",
    "<a class=b href={{ u }}>x</a>",
    "<a title='>' href='{{ u }}'>x</a>",
    "<a\nhref\n=\n'{{ u }}'\n>x</a>",
    '<a href=" {{ u }}">x</a>',
    '<a href="{{- u -}}">x</a>',
    "<img src='{{ u }}'>",
    "<img src='{{ u }}'/>",
    "<img srcset='{{ u }} 2x'>",
    "<img srcset='https://x.example/a 1x, {{ u }} 2x'>",
    "<img srcset='https://x.example/a 1x{{ more }}{{ u }} 2x'>",
    "<link imagesrcset='{{ none }}, {{ u }}'>",
    "<meta http-equiv=refresh content='0; URL={{ u }}'>",
    '<meta http-equiv="refresh" content="0;url = \'{{ u | safe }}\'">',
    "<form action='{{ u }}'></form>",
    "<button formaction='{{ u }}'></button>",
    "<td background='{{ u }}'></td>",
    "<video poster='{{ u }}'></video>",
    "<q cite='{{ u }}'></q>",
    "<object data='{{ u }}'></object>",
    "<svg><a xlink:href='{{ u }}'></a></svg>",
    "<iframe src='{{ u }}'></iframe>",
    "<base href='{{ u }}'>",
    "<link href='{{ u }}'>",
    "<input src='{{ u }}'>",
    "<!--[if mso]><a href='{{ u }}'>x</a><![endif]-->",
    "<a {% if true %}href='{{ u }}'{% endif %}>x</a>",
    "<a href='{% if true %}{{ u }}{% else %}/x{% endif %}'>x</a>",
    "{% assign w = u %}<a href='{{ w }}'>x</a>",
    "{% capture w %}{{ u }}{% endcapture %}<a href='{{ w }}'>x</a>",
    "{% capture w %}<a href='{{ u }}'>x</a>{% endcapture %}{{ w }}",
    "{% capture w %}href='{{ u }}'{% endcapture %}<a {{ w }}>x</a>",
    "{% capture w %}href={{ u }}{% endcapture %}<a {{ w }}>x</a>",
    "{% capture w %}'{{ u }}'{% endcapture %}<a href={{ w }}>x</a>",
    "<a href='{{ u | append: '' }}'>x</a>",
    "<a href='{{ '' | append: u }}'>x</a>",
    "<a href='{{ u | safe }}'>x</a>",
    "<a href='{{ u | prepend: ' ' }}'>x</a>",
    "<a href='{{ u | escape_once }}'>x</a>",
    "<a href={{ u | escape_once }}>x</a>",
    "<a href='{{ list[0] | escape_once }}{{ list[1] | escape_once }}'>x</a>",
    "<a href='{{ none | default: u }}'>x</a>",
    "<a href='{{ list | join: '' }}'>x</a>",
    "<a href='{{ list }}'>x</a>",
    "<a href='{{ list[0] }}{{ list[1] }}'>x</a>",
    "<a href='{% for part in list %}{{ part }}{% endfor %}'>x</a>",
    "<a href='{% cycle u %}'>x</a>",
    "<a href='{% echo u %}'>x</a>",
    "{% for v in users %}<a href='{{ v.url }}'>x</a>{% endfor %}",
    "<p>{{ u }}</p><a href='{{ u }}'>x</a>",
]


class Reader(HTMLParser):
    """Reads HTML as an independent parser does."""

    def __init__(self) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(re.sub(r"<!--\[if [^\]]*\]>|<!\[endif\]-->", "", text))
    reader.close()
    return reader


def runs(url: str) -> bool:
    """Whether a browser would run an address, one of a list, or the one a page goes on to."""
    return any(_runs(part) for part in (url, *re.split(r",\s*|url\s*=\s*['\"]?", url, flags=re.I)))


def _runs(url: str) -> bool:
    return bool(re.match(r"(javascript|vbscript|livescript|data):", re.sub(r"[\x00-\x20\xa0]", "", url), re.I))


def context(url: str) -> dict[str, object]:
    return {"u": url, "none": None, "more": ", ", "list": [url[:4], url[4:]], "users": [{"url": url}]}


@pytest.mark.parametrize("source", URL_PLACES)
def test_no_address_in_an_attribute_runs_a_script(source: str) -> None:
    for url in ACTIVE:
        attributes = read(rendered_html(source, context(url))).attributes
        assert not [value for _, name, value in attributes if runs(value)], (url, attributes)
        assert not [name for _, name, _ in attributes if name.startswith("on")], url


NASTY = [
    "x onclick=alert(1)",
    "x>",
    "x/><script>",
    "' onload='a",
    '" onload="a',
    "`onload=`",
    "a=b",
    "x\tonclick=y",
    "&#32;onclick=z",
]
IN_TAGS = ["<p {{ u }}>", "<p {{ u }}=1>", "<p a{{ u }}>", "<{{ u }}>", "<p/{{ u }}>"]
IN_SCRIPTS = [
    "<p onclick=\"go('{{ u }}')\">",
    "<p onclick='go(\"{{ u }}\")'>",
    "<p ONMOUSEOVER='go({{ u }})'>",
    "<script>var a = '{{ u }}', b = \"{{ u }}\", c = `{{ u }}`, d = {{ u }};</script>",
    "<script type='text/x'>{{ u }}</script>",
    "<a href=\"javascript:go('{{ u }}')\">x</a>",
    "<{{ tag }} {{ event }}='{{ u }}'>",
]


@pytest.mark.parametrize(
    "source",
    [
        *(s for s in (*URL_PLACES, *IN_TAGS, *IN_SCRIPTS) if s.count("{{ u") == 1 and "capture" not in s),
        "<a href='{{ a }}:alert(1)'>x</a>",
        "<a href='{{ a }}{{ u }}'>x</a>",
    ],
)
def test_a_value_in_a_block_that_may_be_left_out_is_written_as_without_it(source: str) -> None:
    in_blocks = re.sub(r"\{\{.*?\}\}", r"{% ifchanged %}\g<0>{% endifchanged %}", source)
    for value in [*ACTIVE, *NASTY]:
        held = {**context(value), "tag": "p", "event": "onclick", "a": "javascript"}
        assert rendered_html(in_blocks, held) == rendered_html(source, held)


def test_what_is_left_out_changes_nothing() -> None:
    source = "{% for v in users %}{% ifchanged %}<p id='{{ v }}'>{% endifchanged %}{{ u }}{% endfor %}"
    done = rendered_html(source, {"users": ["a", "a", "b"], "u": "<i>"})
    assert done == "<p id='a'>&lt;i&gt;&lt;i&gt;<p id='b'>&lt;i&gt;"


@pytest.mark.parametrize("source", [s for s in URL_PLACES if "{{ u }}" in s and "capture" not in s and "'>'" not in s])
def test_a_blocked_address_is_blank(source: str) -> None:
    assert "about:blank" in rendered_html(source, context("javascript:alert(1)"))


GOOD = [
    "https://example.com/a?b=1&c=2#d",
    "http://example.com/javascript:x",
    "/javascript:x",
    "?q=data:x",
    "#javascript:",
    "mailto:ann@example.com?subject=JavaScript: The Good Parts",
    "tel:+15551234",
    "example.com/x:y",
    "javascript",
    "data",
    "java/script:x",
    "",
    "dataset:x",
]


@pytest.mark.parametrize(
    "source", ["<a href='{{ u }}'>x</a>", '<a href="{{ u }}">{{ u }}</a>', "<a href='{{ u | strip }}'>x</a>"]
)
@pytest.mark.parametrize("url", GOOD)
def test_other_addresses_come_through(source: str, url: str) -> None:
    assert read(rendered_html(source, context(url))).attributes == [("a", "href", url)]


TEXTS = [
    *ACTIVE,
    "JavaScript: The Good Parts",
    "Data: what we know",
    "VBScript: an obituary",
    "<b onclick='x'>",
    "a&b\"'`=",
]


@pytest.mark.parametrize(
    "source", ["<p>{{ u }}</p>", "<title>{{ u }}</title>", "<p>{{ u | append: '' }}</p>", "{{ u }}"]
)
def test_text_says_what_the_value_says(source: str) -> None:
    for text in TEXTS:
        assert read(rendered_html(source, context(text))).text == text.replace("\r\n", "\n")


def _seen(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\x01", "")  # no character reference can stand for the latter


@pytest.mark.parametrize(
    "name", ["title", "alt", "content", "value", "aria-label", "placeholder", "data-title", "summary"]
)
@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_attributes_that_take_no_address_say_it_too(name: str, quote: str) -> None:
    for text in TEXTS:
        source = f"<p {name}={quote}{{{{ u }}}}{quote} class=c>x</p>"
        (_, held, value), (_, _, other) = read(rendered_html(source, context(text))).attributes
        assert (held, other) == (name, "c")
        assert _seen(value) == _seen(text)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("https://x.example/{{ u }}", "https://x.example/javascript:x"),
        ("https://{{ u }}", "https://javascript:x"),
        ("/books/{{ u }}", "/books/javascript:x"),
        ("?q={{ u }}", "?q=javascript:x"),
        ("#{{ u }}", "#javascript:x"),
        ("mailto:{{ u }}", "mailto:javascript:x"),
        ("{{ base }}/{{ u }}", "https://x.example/javascript:x"),
        ("{{ base }}?q={{ u }}", "https://x.example?q=javascript:x"),
        ("data:image/png;base64,{{ u }}", "data:image/png;base64,javascript:x"),
    ],
)
def test_behind_the_beginning_of_an_address_a_value_is_only_text(source: str, value: str) -> None:
    done = rendered_html(f"<a href='{source}'>x</a>", {"u": "javascript:x", "base": "https://x.example"})
    assert read(done).attributes == [("a", "href", value)]


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("{{ a }}script:alert(1)", {"a": "java"}),
        ("java{{ a }}", {"a": "script:alert(1)"}),
        ("{{ a }}:alert(1)", {"a": "javascript"}),
        ("{{ a }}://{{ b }}", {"a": "javascript", "b": "x%0Aalert(1)"}),
        ("{{ a }}{{ b }}{{ c }}", {"a": "ja", "b": "vascript", "c": ":alert(1)"}),
        ("{{ a }}{% if true %}:x{% endif %}", {"a": "javascript"}),
        ("{{ a }}&#58;x", {"a": "javascript"}),
        (" {{ a }}ta:text/html,x", {"a": "da"}),
        ("{{ a }}\n:x", {"a": "javascript"}),
    ],
)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_an_address_cannot_be_put_together_to_run(source: str, values: dict[str, str], quote: str) -> None:
    ((_, _, value),) = read(rendered_html(f"<a href={quote}{source}{quote}>x</a>", values)).attributes
    assert not runs(value)


@pytest.mark.parametrize("literal", ["javascript:void(0)", "data:image/png;base64,AA=="])
def test_what_the_template_itself_says_stays(literal: str) -> None:
    source = f"<a href='{literal}'>{{{{ u }}}}</a>{{% capture c %}}<img src='{literal}'>{{% endcapture %}}{{{{ c }}}}"
    assert rendered_html(source, {"u": "x"}) == f"<a href='{literal}'>x</a><img src='{literal}'>"


@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize(
    "source", ["<p id={{ u }}>", "<p id=a{{ u }}>", "<p id={{ u }}b class=c>", "<a href={{ u }}>", "<p id= {{ u }} >"]
)
def test_an_attribute_without_quotes_takes_a_value_whole(source: str, value: str) -> None:
    done = read(rendered_html(source, context(value)))
    assert len(done.tags) == 1
    assert {name for _, name, _ in done.attributes} <= {"id", "class", "href"}
    assert value in done.attributes[0][2]


@pytest.mark.parametrize("source", IN_TAGS)
def test_among_attributes_only_words_stay(source: str) -> None:
    for value in [*NASTY, *ACTIVE]:
        done = rendered_html(source, context(value))
        assert not re.search(r"[\"'`&(:]", done)
        assert done.count(">") == 1


@pytest.mark.parametrize("source", IN_SCRIPTS)
@pytest.mark.parametrize(
    "value", ["');alert(1)//", '");alert(1)//', "\\", "`;x", "${x}", "</script><b>", "\u2028x", "a\nb", "é😀"]
)
def test_in_scripts_a_value_is_a_piece_of_a_string(source: str, value: str) -> None:
    marked = {"u": f"BEGIN{value}END", "tag": "p", "event": "onclick"}
    for piece in re.findall("BEGIN(.*?)END", rendered_html(source, marked), re.S):
        assert re.fullmatch(r"(?:[A-Za-z0-9_ ]|\\u[0-9A-F]{4})*", piece)
        assert piece.encode().decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16") == value


@pytest.mark.parametrize(
    "made",
    [
        "append: u",
        "prepend: u",
        "replace: 'x', u",
        "slice: 0, 1 | append: u",
        "split: '' | join: u",
        "upcase | append: u",
    ],
)
@pytest.mark.parametrize("value", ["\\", "\n", "${alert(1)}", "`", "\u2028", ";alert(1)//"])
def test_what_is_added_to_a_piece_of_a_script_is_no_code_either(made: str, value: str) -> None:
    done = rendered_html(f"<script>a = `{{{{ x | escapejs | {made} }}}}`;</script>", {"x": "xyx", "u": value})
    piece = done.removeprefix("<script>a = `").removesuffix("`;</script>")
    assert re.fullmatch(r"(?:[A-Za-z0-9_ ]|\\u[0-9A-F]{4})*", piece)


def test_numbers_and_words_in_scripts_stay_as_they_are() -> None:
    source = "<script>f({{ n }}, {{ d }}, {{ yes }}, '{{ w | escapejs }}');</script>"
    done = rendered_html(source, {"n": -5, "d": 1.5, "yes": True, "w": "it's"})
    assert done == "<script>f(-5, 1.5, true, 'it\\u0027s');</script>"


@pytest.mark.parametrize(
    ("source", "value", "written"),
    [
        ("color: {{ u }}", "#ff0000", "color: #ff0000"),
        ("width: {{ u }}%", "12.5", "width: 12.5%"),
        ("font: {{ u }}", "bold 12px Arial, sans", "font: bold 12px Arial, sans"),
        ("color: {{ u }}", "red;position:fixed", "color: red\\00003Bposition\\00003Afixed"),
        (
            "color: {{ u }}",
            "url(https://evil.example)",
            "color: url\\000028https\\00003A\\00002F\\00002Fevil.example\\000029",
        ),
        ("background: url({{ u }})", "https://x.example/a.png", "background: url(https://x.example/a.png)"),
        ("background: url('{{ u }}')", "javascript:x", "background: url('about:blank')"),
        ("background: url( {{ u }} )", "a) red", "background: url( a\\000029\\000020red )"),
        ("background: url({{ u }}); color: {{ u }}", "a:b", "background: url(a:b); color: a\\00003Ab"),
    ],
)
def test_in_styles_a_value_is_one_word(source: str, value: str, written: str) -> None:
    assert rendered_html(f'<p style="{source}">', {"u": value}) == f'<p style="{written}">'
    assert rendered_html(f"<style>p {{{source}}}</style>", {"u": value}) == f"<style>p {{{written}}}</style>"


def test_a_style_and_a_script_end_where_the_template_ends_them() -> None:
    source = "<style>p { color: {{ u }} }</style><a href='{{ u }}'>x</a><script>f('{{ u }}')</script><p>{{ u }}</p>"
    done = rendered_html(source, {"u": "</style></script><i>"})
    assert read(done).tags == ["style", "a", "script", "p"]
    assert "<p>&lt;/style&gt;" in done


def test_a_document_in_an_attribute_is_escaped_for_both() -> None:
    done = rendered_html("<iframe srcdoc='<p>{{ u }}</p>'>", {"u": "<script>"})
    assert html.unescape(read(done).attributes[0][2]) == "<p><script></p>"
    assert read(done).attributes[0][2] == "<p>&lt;script&gt;</p>"


PIECES = st.sampled_from(
    ["java", "script", "data", ":", "\t", " ", "&#106;", "/", "'", '"', ">", "<", "onclick=", "x", "&", "=", "\\"]
)
VALUES = st.lists(PIECES, max_size=6).map("".join)
PLACES = st.lists(
    st.sampled_from(
        [
            *("<a href='", '<p title="', "<a href=", "<p>", "'", '"', ">", " ", "{{ a }}", "{{ b }}", "java", ":", "/"),
            *("<script>", "</script>", "{{ c | append: a }}", "{% capture d %}{{ b }}{% endcapture %}{{ d }}"),
        ]
    ),
    max_size=8,
).map("".join)


@given(PLACES, VALUES, VALUES, VALUES)
@example("<a href='{{ a }}{{ b }}'>", "java", "script:x", "")
def test_no_values_in_any_template_make_a_tag_or_a_script(source: str, a: str, b: str, c: str) -> None:
    done = read(rendered_html(source, {"a": a, "b": b, "c": c}))
    harmless = read(rendered_html(source, {"a": "x", "b": "x", "c": "x"}))
    for _, name, value in done.attributes:
        assert not (name == "href" and runs(value)) or any(runs(v) for *_, v in harmless.attributes)
    assert len(done.tags) <= len(harmless.tags) + source.count("<{{")
    assert list(itertools.chain(done.tags)) == list(done.tags)
