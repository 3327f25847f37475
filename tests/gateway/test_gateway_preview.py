"""A template that is not stored is previewed as it would be sent, whole, and stores nothing."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from pulse.common.v1 import enums_pb2
from pulse.common.v1.template_pb2 import Template, TemplateContent
from pulse.gateway.v1 import template_service_pb2 as api
from shared.errors import Code
from tests.gateway.conftest import Client, refusal

EMAIL, SMS, PUSH = enums_pb2.EMAIL, enums_pb2.SMS, enums_pb2.PUSH


def asked(*contents: TemplateContent, channel: int = EMAIL, **fields: Any) -> api.PreviewTemplateRequest:
    """A preview of a template of these contents, under a name that is not stored."""
    rest = {name: fields.pop(name) for name in ("default_locale", "digest_window") if name in fields}
    given = Template(name="new", channel=channel, contents=contents, **rest)
    return api.PreviewTemplateRequest(name="new", template=given, **fields)


async def preview(client: Client, request: api.PreviewTemplateRequest, **context: Any) -> api.PreviewTemplateResponse:
    request.context.update(context)
    return await client.templates.PreviewTemplate(request)


async def test_its_own_default_language_counts(client: Client) -> None:
    german, french = TemplateContent(body="Hallo"), TemplateContent(body="Salut", locale="fr")
    shown = await preview(client, asked(french, german, default_locale="de", locale="it"))
    assert (shown.body, shown.locale) == ("Hallo", "de")


async def test_its_digest_window_makes_a_digest(client: Client) -> None:
    text = TemplateContent(body="{{ digest.count }} for {{ name }}")
    shown = await preview(client, asked(text, digest_window=Duration(seconds=60)), name="Ada")
    assert (shown.body, list(shown.variables)) == ("1 for Ada", ["name"])


async def test_what_stands_under_its_name_does_not_matter(client: Client) -> None:
    request = asked(TemplateContent(body="Not stored"))
    request.name = "welcome"
    assert (await preview(client, request)).body == "Not stored"


async def test_it_tells_what_each_channel_carries_beside_the_text(client: Client) -> None:
    push = TemplateContent(
        channel=PUSH, body="b", push={"link": "app://{{ id }}", "badge": 0, "data": {"order": "{{ id }}"}}
    )
    email = {"preheader": "for {{ id }}", "headers": {"X-Id": "{{ id }}"}}
    mail = TemplateContent(subject="s", body="b", html_body="<p>b</p>", email=email)
    shown = await preview(client, asked(push, mail), id="7")
    assert (shown.email.preheader, shown.email.headers) == ("for 7", {"X-Id": "7"})
    shown = await preview(client, asked(push, mail, channel=PUSH), id="7")
    assert (shown.push.link, shown.push.data, shown.push.HasField("badge")) == ("app://7", {"order": "7"}, True)


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({}, "Hello NAME, ORDER"),
        ({"name": "Ada"}, "Hello Ada, ORDER"),
        ({"name": "", "order": 0}, "Hello , 0"),
    ],
)
async def test_what_the_context_lacks_says_its_own_name_if_that_is_wanted(
    client: Client, given: dict[str, Any], body: str
) -> None:
    text = TemplateContent(body="Hello {{ name }}, {{ order }}")
    shown = await preview(client, asked(text, fill_missing=True), **given)
    assert (shown.body, list(shown.variables)) == (body, ["name", "order"])


async def test_a_digest_tells_what_was_filled_in(client: Client) -> None:
    text = TemplateContent(body="{% for one in digest.entries %}{{ one.name }}{% endfor %} {{ name }}")
    shown = await preview(client, asked(text, fill_missing=True, digest_window=Duration(seconds=60)))
    assert shown.body == "NAME NAME"


async def test_without_that_it_is_refused(client: Client) -> None:
    error = await refusal(preview(client, asked(TemplateContent(body="{{ name }}"))))
    assert (error.reason, error.violations[0].field) == ("MISSING_VARIABLE", "context")


async def test_a_stored_one_says_its_variables_and_is_filled_in_too(client: Client) -> None:
    stored = Template(name="hello", channel=EMAIL, contents=[TemplateContent(body="Hello {{ name }}")])
    await client.templates.CreateTemplate(api.CreateTemplateRequest(template=stored))
    shown = await client.templates.PreviewTemplate(api.PreviewTemplateRequest(name="hello", fill_missing=True))
    assert shown.body == "Hello NAME"
    assert list(shown.variables) == ["name"]


@pytest.mark.parametrize(
    ("content", "reason", "field"),
    [
        ({"body": "{{ name"}, "TEMPLATE_SYNTAX", "template.contents[0].body"),
        ({"body": "b", "subject": "a\nb"}, "CONTROL_CHARACTER", "template.contents[0].subject"),
        ({"body": "b", "push": {"link": "javascript:alert(1)"}}, "INVALID_LINK", "template.contents[0].push.link"),
        ({"body": "b", "push": {"data": {"from": "x"}}}, "PUSH_DATA_KEY_RESERVED", "template.contents[0].push.data"),
        ({"body": "b", "email": {"headers": {"Bcc": "x"}}}, "HEADER_NOT_ALLOWED", "template.contents[0].email.headers"),
        ({"subject": "s"}, "BODY_MISSING", "template.contents[0].body"),
        ({"body": "b", "channel": SMS}, "NO_CONTENT_FOR_CHANNEL", "template.contents"),
        ({"body": "x" * 65_537}, "INVALID_FIELDS", "template.contents[0].body"),
        ({"body": "{{ a }}" * 2_001}, "TEMPLATE_TOO_LARGE", "template.contents[0].body"),
    ],
)
async def test_what_could_not_be_stored_is_not_shown(
    client: Client, content: dict[str, Any], reason: str, field: str
) -> None:
    error = await refusal(preview(client, asked(TemplateContent(**content))))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert error.violations[0].field.startswith(field)


async def test_a_template_and_a_draft_do_not_mix(client: Client) -> None:
    request = asked(TemplateContent(body="b"))
    request.draft.add(body="c")
    assert (await refusal(preview(client, request))).reason == "DRAFT_TWICE"


async def test_nothing_is_stored(client: Client) -> None:
    await preview(client, asked(TemplateContent(body="b")))
    error = await refusal(client.templates.GetTemplate(api.GetTemplateRequest(name="new")))
    assert error.reason == "TEMPLATE_NOT_FOUND"
