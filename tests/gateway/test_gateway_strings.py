"""Words that a template holds per language, which its texts name as ``strings``."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.template_pb2 import Template, TemplateContent
from pulse.gateway.v1 import template_service_pb2 as api
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

EMAIL, SMS = enums_pb2.EMAIL, enums_pb2.SMS


def hello(*others: TemplateContent, body: str = "{{ strings.hello }}, {{ name }}", **fields: Any) -> Template:
    """A template that greets, with one content in its own language before others."""
    own = TemplateContent(body=body, **{"strings": {"hello": "Hello", "bye": "Bye"}, **fields})
    return Template(name="hello", channel=EMAIL, contents=[own, *others])


async def preview(client: Client, template: Template, locale: str = "", **context: Any) -> api.PreviewTemplateResponse:
    """A preview of its contents as a draft."""
    request = api.PreviewTemplateRequest(name="draft", draft=template.contents, channel=EMAIL, locale=locale)
    request.context.update(context)
    return await client.templates.PreviewTemplate(request)


async def test_strings_are_no_variables_of_the_context(client: Client) -> None:
    stored = await client.templates.CreateTemplate(api.CreateTemplateRequest(template=hello()))
    assert list(stored.variables) == ["name"]


async def test_without_any_the_word_is_a_variable_like_any_other(client: Client) -> None:
    request = api.CreateTemplateRequest(template=hello(strings={}))
    assert list((await client.templates.CreateTemplate(request)).variables) == ["name", "strings"]


async def test_a_language_of_strings_alone_says_the_default_languages_text(client: Client) -> None:
    german = TemplateContent(locale="de", strings={"hello": "Hallo", "bye": "Servus"})
    shown = await preview(client, hello(german, subject="{{ strings.bye }}"), "de-AT", name="Ada")
    assert (shown.body, shown.subject, shown.locale) == ("Hallo, Ada", "Servus", "de")
    assert not shown.missing_strings


async def test_what_a_language_lacks_is_taken_from_the_default_and_named(client: Client) -> None:
    shown = await preview(client, hello(TemplateContent(locale="fr", strings={"bye": "Adieu"})), "fr", name="Ada")
    assert (shown.body, list(shown.missing_strings)) == ("Hello, Ada", ["hello"])
    shown = await preview(client, hello(TemplateContent(locale="fr", body="{{ strings.bye }}")), "fr", name="Ada")
    assert (shown.body, list(shown.missing_strings)) == ("Bye", ["bye", "hello"])


async def test_the_context_cannot_take_the_place_of_strings(client: Client) -> None:
    assert (await preview(client, hello(), name="Ada", strings={"hello": "Forged"})).body == "Hello, Ada"


async def test_strings_are_no_liquid_and_no_html(client: Client) -> None:
    forged = hello(html_body="<p>{{ strings.hello }}", strings={"hello": "<b>{{ name }}</b>"})
    shown = await preview(client, forged, name="Ada")
    assert shown.body == "<b>{{ name }}</b>, Ada"
    assert shown.html_body == "<p>&lt;b&gt;{{ name }}&lt;/b&gt;"


async def test_a_send_needs_no_context_for_them(client: Client, peers: fakes.Peers) -> None:
    stored = hello()
    stored.version = 1
    peers.store(stored)
    await client.send(template_name="hello", context={"name": "Ada"})
    assert len(peers.router.submissions) == 1


SOME = {"hello": "Hello"}


@pytest.mark.parametrize(
    "template, reason, field",
    [
        (hello(body="{{ strings.hallo }}"), "MISSING_VARIABLE", "contents[0].body"),
        (hello(subject="{{ strings['nope'] }}"), "MISSING_VARIABLE", "contents[0].subject"),
        (hello(body="{% if strings.nope %}x{% endif %}"), "MISSING_VARIABLE", "contents[0].body"),
        (hello(body="{% for s in strings.nope %}x{% endfor %}"), "MISSING_VARIABLE", "contents[0].body"),
        (hello(body="{{ 'x' | append: strings.nope }}"), "MISSING_VARIABLE", "contents[0].body"),
        (hello(body="{{ strings.nope | default: 'x' }}"), "MISSING_VARIABLE", "contents[0].body"),
        (hello(TemplateContent(locale="de", body="{{ strings.nope }}")), "MISSING_VARIABLE", "contents[1].body"),
        (hello(TemplateContent(locale="de", channel=SMS, strings=SOME)), "BODY_MISSING", "contents[1].body"),
        (hello(TemplateContent(locale="de", strings=SOME, subject="x")), "BODY_MISSING", "contents[1].body"),
        (hello(strings={"hello": "a\0b"}), "CONTROL_CHARACTER", "contents[0].strings.hello"),
        (hello(strings={"hello": "x" * 4_097}), "INVALID_FIELDS", "contents[0].strings"),
        (hello(strings={f"s{n}": "x" for n in range(501)}), "INVALID_FIELDS", "contents[0].strings"),
    ],
)
async def test_strings_that_cannot_be_are_refused_at_their_place(
    client: Client, template: Template, reason: str, field: str
) -> None:
    error = await refusal(client.templates.CreateTemplate(api.CreateTemplateRequest(template=template)))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert [violation.field for violation in error.violations] == [f"template.{field}"]


@pytest.mark.parametrize("name", ["", "a b", "a.b", "1a", "a-b", "x" * 101, "{{a}}", "a\nb"])
async def test_a_string_is_called_as_liquid_can_name_it(client: Client, name: str) -> None:
    request = api.CreateTemplateRequest(template=hello(strings={"hello": "x", name: "x"}))
    error = await refusal(client.templates.CreateTemplate(request))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "INVALID_FIELDS")


@pytest.mark.parametrize(
    "body",
    [
        "{{ strings.size }}",
        "{% assign strings = 'own' %}{{ strings.other }}{{ name }}",
        "{% for strings in names %}{{ strings.other }}{% endfor %}",
        "{{ strings[name] }}",
    ],
)
async def test_what_only_looks_like_a_missing_string_is_kept(client: Client, body: str) -> None:
    await client.templates.CreateTemplate(api.CreateTemplateRequest(template=hello(body=body)))


async def test_html_without_a_text_is_previewed_with_the_text_that_will_be_sent(client: Client) -> None:
    mail = TemplateContent(channel=EMAIL, html_body="<h1>Hi {{ name }}</h1><p>Bye</p>")
    shown = await preview(client, Template(contents=[mail]), name="<b>Ada")
    assert shown.body == "Hi <b>Ada\n\nBye"
    assert shown.html_body == "<h1>Hi &lt;b&gt;Ada</h1><p>Bye</p>"


@pytest.mark.parametrize("size, warned", [(102 * 1024, False), (102 * 1024 + 1, True)])
async def test_html_that_gmail_clips_is_warned_of(client: Client, size: int, warned: bool) -> None:
    mail = TemplateContent(channel=EMAIL, body="x", html_body="{{ text }}{{ more }}{{ more }}{{ more }}")
    shown = await preview(client, Template(contents=[mail]), text="x" * (size - 3 * 20_000), more="é" * 10_000)
    assert [warning.partition(":")[0] for warning in shown.warnings] == ["HTML_CLIPPED"] * warned
