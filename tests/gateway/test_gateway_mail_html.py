"""HTML made ready when a template is saved: MJML compiled, CSS put in line, Liquid as it was."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.template_pb2 import Template, TemplateContent
from pulse.gateway.v1 import template_service_pb2 as api
from shared.errors import Code
from shared.rpc.statuses import from_rpc_error
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal
from tests.gateway.test_gateway_fragments import create, fragment, update

EMAIL = enums_pb2.EMAIL
STYLE = "<style>.a{color:red}td{padding:{{ pad }}}</style>"
SECTION = "<mj-section><mj-column>{}</mj-column></mj-section>"


def mjml(body: str, head: str = "") -> str:
    return f"<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>"


async def save(client: Client, html: str, name: str = "hello", **fields: Any) -> Template:
    content = TemplateContent(channel=EMAIL, subject="S", html_body=html, **fields)
    template = Template(name=name, channel=EMAIL, contents=[content])
    return await client.templates.CreateTemplate(api.CreateTemplateRequest(template=template))


async def show(client: Client, name: str = "hello", **context: Any) -> api.PreviewTemplateResponse:
    request = api.PreviewTemplateRequest(name=name)
    request.context.update({"pad": "1px", "name": "Ada", "yes": True, "no": False, "rows": ["1", "2"], **context})
    return await client.templates.PreviewTemplate(request)


async def ready(client: Client, html: str, **fields: Any) -> str:
    """The HTML as a recipient gets it, of a template with this."""
    await save(client, html, **fields)
    return (await show(client)).html_body


RED = 'class="a" style="color: red;"'


@pytest.mark.parametrize(
    "html, shown",
    [
        ("<p class=a>{{ name }}</p>", f"<p {RED}>Ada</p>"),
        (
            '<p class="a {{ name }}" title="{{ name | append: "x" }}">',
            '<p class="a Ada" title="Adax" style="color: red;">',
        ),
        ("<p {% if yes %}id='x'{% else %}id='y'{% endif %} class=a>", '<p class="a" id=\'x\' style="color: red;">'),
        ("<p {% if no %}id='x'{% endif %} class=a>", '<p class="a"  style="color: red;">'),
        ("<p {{ name }} {% if yes %}x{% endif %} class=a {{ pad }}=''>", "Ada"),
        ("<a class=a href={{ name }}>x</a>", '<a class="a" href="Ada" style="color: red;">x</a>'),
        (
            "<table>{% for r in rows %}<tr><td>{{ r }}</td></tr>{% endfor %}</table>",
            '<table><tbody><tr><td style="padding: 1px;">1</td></tr><tr><td style="padding: 1px;">2</td></tr></tbody>',
        ),
        ("<table><tr>{% for r in rows %}<td>{{ r }}</td>{% endfor %}</tr></table>", '<td style="padding: 1px;">2</td>'),
        ("<ul>{% for r in rows %}<li class=a>{{ r }}{% endfor %}</ul>", f"<li {RED}>2</li></ul>"),
        ('<p style="color:{{ name }}" class="a">', '<p class="a" style="color: Ada">'),
        ('<p style="{% if yes %}margin:0{% endif %}" class="a">', 'style="margin:0"'),
        ("<h{{ 1 }} class=a>x</h{{ 1 }}>", f"<h1 {RED}>x</h1>"),
        ("<title>{{ name }}</title><p class=a>", "<title>Ada</title>"),
        ("<!--[if mso]><b>{{ name }}</b><![endif]--><p class=a>", "<!--[if mso]><b>Ada</b><![endif]-->"),
        ("<!-- {{ name }} --><p class=a>", "<!-- Ada -->"),
        ("{% raw %}{{ name }}{% endraw %}<p class=a>", "{{ name }}"),
        ("{% comment %}<b>{% if %}{% endcomment %}<p class=a>{{ name -}}  x</p>", f"<p {RED}>Adax</p>"),
        ("{% assign x = '<b>' %}<p class=a>{{ x }}</p>", f"<p {RED}><b></p>"),
        ("<style>{% if yes %}.b{margin:0}{% endif %}</style><p class=b>", "<style>.b{margin:0}</style>"),
        ("<style>@media (max-width:9px){.a{color:blue}}</style><p class=a>", "@media (max-width:9px){.a{color:blue}}"),
        ("<style>a:hover{color:{{ name }}}</style><p class=a>", f"<p {RED}>"),
        ("<p class=a>&nbsp;&copy;ü&lt;</p>", f"<p {RED}>&nbsp;©ü&lt;</p>"),
        ("<p class=a>zq0z1x zq0z0t</p>{{ name }}", "zq0z1x zq0z0t</p>Ada"),
    ],
)
async def test_styles_are_put_in_line_and_liquid_stays_as_it_was(client: Client, html: str, shown: str) -> None:
    assert shown in await ready(client, STYLE + html)


async def test_html_without_styles_is_left_alone(client: Client) -> None:
    html = "<p class=a>{{ name }}<br/><table>{% for r in rows %}<tr>{% endfor %}"
    assert await ready(client, html) == html.replace("{{ name }}", "Ada").replace(
        "{% for r in rows %}<tr>{% endfor %}", "<tr><tr>"
    )


async def test_what_was_written_comes_back_and_not_what_was_made_of_it(client: Client) -> None:
    source = STYLE + "<p class=a>"
    saved = await save(client, source)
    stored = await client.templates.GetTemplate(api.GetTemplateRequest(name="hello"))
    assert saved.contents[0].html_body == source == stored.contents[0].html_body
    assert list(saved.variables) == []


async def test_styles_of_a_layout_are_put_in_line_in_all_that_it_holds(client: Client) -> None:
    await create(client, fragment("footer", "<i class=a>Bye</i>"))
    await create(client, fragment("base", STYLE + "{% block main %}{% endblock %}{% render 'footer' %}"))
    html = "{% extends 'base' %}{% block main %}<b class=a>{{ name }}</b>{% endblock %}"
    shown = await ready(client, html)
    assert f"<b {RED}>Ada</b>" in shown and f"<i {RED}>Bye</i>" in shown
    await update(client, fragment("footer", "<u class=a>Bye</u>"), apply=True)
    assert f"<u {RED}>Bye</u>" in (await show(client)).html_body


MJML = mjml(
    SECTION.format(
        "<mj-text>Hi {{ name }}</mj-text>"
        '{% if yes %}<mj-button href="https://x/{{ name | append: "q" }}">Go</mj-button>{% endif %}'
        "<mj-table>{% for r in rows %}<tr><td class='a'>{{ r }}</td></tr>{% endfor %}</mj-table>"
    )
    + "{% for r in rows %}"
    + SECTION.format('<mj-text color="{{ name }}">row {{ r }}</mj-text>')
    + "{% endfor %}",
    "<mj-title>{{ name }}</mj-title><mj-preview>{{ name }}</mj-preview><mj-style>.a{color:red}</mj-style>",
)


async def test_mjml_is_compiled_when_it_is_saved_with_liquid_wherever_it_stands(client: Client) -> None:
    shown = await ready(client, "{% assign x = 1 %}\n" + MJML, mjml=True)
    assert "mj-" not in re.sub(r"class=\"[^\"]*\"|\.mj-[\w-]+", "", shown)
    assert all(
        text in shown for text in ("Hi Ada", "https://x/Adaq", "row 1", "row 2", "color:Ada", "<title>Ada</title>")
    )
    assert len(re.findall('class="a" style="[^"]*color: red', shown)) == 2
    stored = await client.templates.GetTemplate(api.GetTemplateRequest(name="hello"))
    assert (stored.contents[0].mjml, stored.contents[0].html_body) == (True, "{% assign x = 1 %}\n" + MJML)
    assert list(stored.variables) == ["name", "rows", "yes"]


async def test_mjml_takes_layouts_and_pieces_in(client: Client) -> None:
    await create(client, fragment("footer", SECTION.format("<mj-text>Bye {{ who }}</mj-text>")))
    await create(client, fragment("base", mjml("{% block main %}{% endblock %}{% render 'footer', who: name %}")))
    html = "{% extends 'base' %}{% block main %}" + SECTION.format("<mj-text>Hi</mj-text>") + "{% endblock %}"
    shown = await ready(client, html, mjml=True)
    assert "Hi" in shown and "Bye Ada" in shown


async def test_a_language_of_strings_alone_has_the_same_mjml(client: Client) -> None:
    html = mjml(SECTION.format("<mj-text>{{ strings.hi }}</mj-text>"))
    contents = [
        TemplateContent(channel=EMAIL, html_body=html, mjml=True, strings={"hi": "Hi"}),
        TemplateContent(channel=EMAIL, locale="de", strings={"hi": "Hallo"}),
    ]
    template = Template(name="hello", channel=EMAIL, contents=contents)
    await client.templates.CreateTemplate(api.CreateTemplateRequest(template=template))
    shown = await client.templates.PreviewTemplate(api.PreviewTemplateRequest(name="hello", locale="de"))
    assert "Hallo" in shown.html_body and "mj-text" not in shown.html_body
    assert "Hallo" in shown.body


async def test_the_text_and_the_warning_go_by_what_was_compiled(client: Client, peers: fakes.Peers) -> None:
    html = mjml("".join(SECTION.format("<mj-text>Hi {{ name }}</mj-text>") for _ in range(90)))
    await save(client, html, mjml=True)
    shown = await show(client)
    assert "Hi Ada" in shown.body
    assert [warning.partition(":")[0] for warning in shown.warnings] == ["HTML_CLIPPED"]
    await client.send(template_name="hello", context={"name": "Ada"})
    assert len(peers.router.submissions) == 1


@pytest.mark.parametrize(
    "html, reason, words",
    [
        (mjml("\n <mj-sectio></mj-sectio>"), "MJML_SYNTAX", "line 2, column 2: there is no component mj-sectio"),
        (mjml("\n  <mj-include path='/etc/passwd' />"), "MJML_SYNTAX", "line 2, column 3: mj-include reads files"),
        (
            mjml("", "<mj-include path='file:///etc/passwd' type='css' />"),
            "MJML_SYNTAX",
            "line 1, column 16: mj-include",
        ),
        (mjml("{{ name }}<mj-include path='https://x/y.mjml' />"), "MJML_SYNTAX", "column 45: mj-include"),
        ("<mjml>\n<mj-body>\n  <mj-section></mj-body></mjml>", "MJML_SYNTAX", "line 3, column"),
        ("<mjml>\n<mj-body>\n <mj-section color=red></mj-section></mj-body></mjml>", "MJML_SYNTAX", "line 3, column"),
        (mjml(SECTION.format("<mj-text>\n a < b</mj-text>")), "MJML_SYNTAX", "line 2, column"),
        (mjml(SECTION.format("<mj-text>{{ a }}\n<b></mj-text>")), "MJML_SYNTAX", "line 2, column"),
        ("<mjml>\n<mj-body>", "MJML_SYNTAX", "line"),
        ("<html><body>{{ name }}</body></html>", "MJML_SYNTAX", "line 1, column 1: there is no mj-body"),
        ("<mjml></mjml>", "MJML_SYNTAX", "there is no mj-body"),
        ("no MJML <mj-body></mj-body>", "MJML_SYNTAX", "line 1"),
        (
            mjml(SECTION.format("<mj-text {% if yes %}color='red'{% endif %}>x</mj-text>")),
            "LIQUID_MISPLACED",
            "column 67",
        ),
        (mjml(SECTION.format("<mj-image src='https://x/y' width='{{ name }}px' />")), "LIQUID_MISPLACED", "{{ name }}"),
        (mjml("", "\n{% if yes %}<mj-title>x</mj-title>{% endif %}"), "LIQUID_MISPLACED", "line 2, column 1"),
        (mjml("{% if yes %}"), "TEMPLATE_SYNTAX", ""),
        (mjml("{{ name"), "TEMPLATE_SYNTAX", ""),
        (mjml((SECTION.format("<mj-text>x</mj-text>") + "\n") * 500), "TEMPLATE_TOO_LARGE", "256 KiB"),
        (mjml("<mj-wrapper>" * 2_600 + "</mj-wrapper>" * 2_600), "HTML_TOO_COMPLEX", ""),
        ("", "MJML_MISSING", ""),
    ],
)
async def test_mjml_that_does_not_compile_is_refused_by_line_and_column(
    client: Client, html: str, reason: str, words: str
) -> None:
    error = await refusal(save(client, html, body="x", mjml=True))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason), error
    told = {one.field: one.description for one in error.violations}
    field = "template.contents" if reason == "HTML_TOO_COMPLEX" else "template.contents[0].html_body"
    assert words in told[field], told


HOSTILE = {
    "depth": STYLE + "<div>" * 13_000,
    "depth of what is taken out": STYLE + "<b>" * 21_000,
    "many selectors": "<style>" + ":not(:not(:not(.b))) p{x:y}" * 2_000 + "</style>" + "<p>" * 3_300,
    "many rules": "<style>" + ".a{x:y}" * 4_500 + "</style>" + "<p class=a>" * 2_900,
    "siblings": "<style>" + "p~p~p~p~p{x:y}" * 2_000 + "</style>" + "<p></p>" * 4_500,
    "brackets": "<style>" + "a(" * 30_000 + "</style><p>",
    "at-rules": "<style>" + "@media x{" * 6_500 + "</style><p>",
    "open styles": "<style>" * 9_000,
    "open comments": "<style>" + "<!--" * 15_000,
    "liquid in styles": "<style>" + "{{ a }}" * 1_900 + "</style><p>",
    "liquid in attributes": STYLE + '<p style="' + "{% if a %}{% endif %}" * 900 + '">',
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_would_take_long_is_done_or_refused_and_the_gateway_lives(client: Client, name: str) -> None:
    try:
        await save(client, HOSTILE[name])
    except grpc.aio.AioRpcError as error:
        refused = from_rpc_error(error).reason
        assert refused in ("HTML_TOO_COMPLEX", "TEMPLATE_TOO_LARGE", "CSS_SYNTAX", "TEMPLATE_SYNTAX")
    await save(client, STYLE + "<p>", "after")


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server of styles, and what it was asked for."""
    asked: list[str] = []

    class Styles(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b".a{color:blue}")

    server = http.server.HTTPServer(("127.0.0.1", 0), Styles)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


async def test_nothing_is_fetched_or_read(client: Client, elsewhere: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = elsewhere
    file = tmp_path / "a.css"
    file.write_text(".a{color:green}")
    links = "".join(
        f'<link rel="stylesheet" href="{one}">' for one in (f"{address}/a.css", file, file.as_uri(), "a.css")
    )
    imports = f"<style>@import url({address}/b.css); @import '{file}';</style>"
    shown = await ready(client, links + imports + STYLE + "<p class=a>x</p>")
    assert f"<p {RED}>x</p>" in shown
    head = f'<mj-font name="x" href="{address}/font.css" /><mj-style>@import url({address}/c.css);</mj-style>'
    await save(client, mjml(SECTION.format("<mj-text>x</mj-text>"), head), "mjml", mjml=True)
    assert asked == []


async def test_who_gives_up_leaves_no_program_behind(client: Client) -> None:
    template = Template(
        name="x", channel=EMAIL, contents=[TemplateContent(html_body=HOSTILE["many selectors"], channel=EMAIL)]
    )
    error = await refusal(client.templates.CreateTemplate(api.CreateTemplateRequest(template=template), timeout=0.3))
    assert error.code is Code.DEADLINE_EXCEEDED
    await save(client, STYLE + "<p>", "after")
