"""Keeping, showing and trying out templates."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.template_pb2 import Template, TemplateContent
from pulse.gateway.v1 import template_service_pb2 as api
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

EMAIL, SMS = enums_pb2.EMAIL, enums_pb2.SMS


def new(*contents: TemplateContent, **fields: Any) -> Template:
    """A template to be kept."""
    return Template(**{"name": "news", "channel": EMAIL, **fields}, contents=contents or [TemplateContent(body="x")])


async def test_what_pulse_makes_itself_is_filled_in(client: Client, peers: fakes.Peers) -> None:
    given = new(
        TemplateContent(subject="{{ title }}", body="{{ name }}"),
        TemplateContent(locale="de", body="{% if vip %}{{ name }}{% endif %}"),
        version=9,
        variables=["forged"],
        create_time={"seconds": 5},
    )
    stored = await client.templates.CreateTemplate(api.CreateTemplateRequest(template=given))
    assert (stored.version, list(stored.variables)) == (1, ["name", "title", "vip"])
    [change] = peers.admin.changes
    assert change.tenant_id == "default" and change.template.version == 0
    assert not change.template.HasField("create_time")


async def test_a_name_that_is_taken_and_one_that_is_unknown_are_told(client: Client) -> None:
    await client.templates.CreateTemplate(api.CreateTemplateRequest(template=new()))
    error = await refusal(client.templates.CreateTemplate(api.CreateTemplateRequest(template=new())))
    assert (error.code, error.reason) == (Code.ALREADY_EXISTS, "TEMPLATE_EXISTS")
    unknown = api.UpdateTemplateRequest(template=new(name="other"))
    error = await refusal(client.templates.UpdateTemplate(unknown))
    assert (error.code, error.reason) == (Code.NOT_FOUND, "TEMPLATE_NOT_FOUND")


async def test_what_is_only_to_be_checked_is_refused_as_it_would_be_and_not_kept(
    client: Client, peers: fakes.Peers
) -> None:
    only = api.CreateTemplateRequest(template=new(TemplateContent(body="{{ name }}")), validate_only=True)
    checked = await client.templates.CreateTemplate(only)
    assert (checked.version, list(checked.variables), peers.admin.changes) == (0, ["name"], [])
    update = api.UpdateTemplateRequest(template=only.template, validate_only=True)
    error = await refusal(client.templates.UpdateTemplate(update))
    assert (error.code, error.reason) == (Code.NOT_FOUND, "TEMPLATE_NOT_FOUND")
    await client.templates.CreateTemplate(api.CreateTemplateRequest(template=only.template))
    error = await refusal(client.templates.CreateTemplate(only))
    assert (error.code, error.reason) == (Code.ALREADY_EXISTS, "TEMPLATE_EXISTS")
    assert (await client.templates.UpdateTemplate(update)).version == 0
    update.expected_version = 7
    error = await refusal(client.templates.UpdateTemplate(update))
    assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "TEMPLATE_CHANGED")
    assert len(peers.admin.changes) == 1


@pytest.mark.parametrize("call", ["CreateTemplate", "UpdateTemplate"])
@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ([TemplateContent(body="a\n{{ b")], "TEMPLATE_SYNTAX"),
        ([TemplateContent(body="x" * 65_000, locale=f"de-x-{n}") for n in range(60)], "TEMPLATE_TOO_LARGE"),
        ([TemplateContent(body="")], "BODY_MISSING"),
    ],
)
async def test_what_is_wrong_is_told_by_a_check_too(
    client: Client, peers: fakes.Peers, call: str, contents: list[TemplateContent], reason: str
) -> None:
    request = getattr(api, f"{call}Request")(template=new(*contents), validate_only=True)
    error = await refusal(getattr(client.templates, call)(request))
    assert (error.code, error.reason, peers.admin.changes) == (Code.INVALID_ARGUMENT, reason, [])


async def test_a_mistake_in_a_text_of_several_lines_is_told_with_its_line(client: Client) -> None:
    given = new(TemplateContent(body="a\nb\n{{ a | nope }}", subject="{{ a | nope }}"))
    error = await refusal(client.templates.CreateTemplate(api.CreateTemplateRequest(template=given)))
    assert [violation.description for violation in error.violations] == [
        "there is no filter 'nope'",
        "line 3: there is no filter 'nope'",
    ]


BAD: list[tuple[Template, str, list[str]]] = [
    (
        new(TemplateContent(body="ok"), TemplateContent(locale="de", body="{{ a")),
        "TEMPLATE_SYNTAX",
        ["contents[1].body"],
    ),
    (
        new(TemplateContent(subject="{% if %}", body="{% nope %}", html_body="{{ x | nope }}")),
        "TEMPLATE_SYNTAX",
        ["contents[0].subject", "contents[0].body", "contents[0].html_body"],
    ),
    (new(TemplateContent(body="{% include 'x' %}")), "TEMPLATE_SYNTAX", ["contents[0].body"]),
    (new(TemplateContent(subject="a\r\nb", body="x")), "CONTROL_CHARACTER", ["contents[0].subject"]),
    (new(TemplateContent(body="a\0b")), "CONTROL_CHARACTER", ["contents[0].body"]),
    (new(TemplateContent(body="a"), TemplateContent(locale="EN", body="b")), "CONTENT_REPEATED", ["contents[1]"]),
    (new(TemplateContent(channel=SMS, body="a")), "NO_CONTENT_FOR_CHANNEL", ["contents"]),
    (new(TemplateContent(body="x" * 65_537)), "INVALID_FIELDS", ["contents[0].body"]),
    (new(TemplateContent(body="")), "BODY_MISSING", ["contents[0].body"]),
    (new(TemplateContent(html_body="<p>x", body="")), "BODY_MISSING", ["contents[0].body"]),
    (
        new(TemplateContent(channel=SMS, html_body="<p>x"), TemplateContent(body="x")),
        "BODY_MISSING",
        ["contents[0].body"],
    ),
    (new(name="no spaces"), "INVALID_FIELDS", ["name"]),
    (new(name="a/b"), "INVALID_FIELDS", ["name"]),
    (new(name="a\0b"), "INVALID_FIELDS", ["name"]),
    (new(channel=0), "INVALID_FIELDS", ["channel"]),
    (new(channel=9), "INVALID_FIELDS", ["channel"]),
    (new(category="Not This"), "INVALID_FIELDS", ["category"]),
]


@pytest.mark.parametrize("template, reason, fields", BAD)
async def test_a_template_that_cannot_be_is_refused_at_its_place(
    client: Client, peers: fakes.Peers, template: Template, reason: str, fields: list[str]
) -> None:
    peers.store(fakes.template(template.name, EMAIL, "x"))
    for call in (
        client.templates.CreateTemplate(api.CreateTemplateRequest(template=template)),
        client.templates.UpdateTemplate(api.UpdateTemplateRequest(template=template)),
    ):
        error = await refusal(call)
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
        assert [violation.field for violation in error.violations] == [f"template.{field}" for field in fields]
    assert not peers.admin.changes


async def test_templates_are_shown_listed_and_deleted(client: Client, peers: fakes.Peers) -> None:
    shown = await client.templates.GetTemplate(api.GetTemplateRequest(name="welcome"))
    assert shown.contents[0].subject == "Welcome"
    page = await client.templates.ListTemplates(api.ListTemplatesRequest(page_size=2))
    assert [one.name for one in page.templates] == ["alert", "code_otp"] and page.next_page_token == "2"
    await client.templates.DeleteTemplate(api.DeleteTemplateRequest(name="welcome"))
    for call in (
        client.templates.GetTemplate(api.GetTemplateRequest(name="welcome")),
        client.templates.DeleteTemplate(api.DeleteTemplateRequest(name="welcome")),
        client.templates.GetTemplate(api.GetTemplateRequest(name="alert", version=7)),
        client.templates.GetTemplate(api.GetTemplateRequest(name="nul\0")),
        client.templates.DeleteTemplate(api.DeleteTemplateRequest(name="nul\0")),
        client.send(),
    ):
        error = await refusal(call)
        assert (error.code, error.reason) == (Code.NOT_FOUND, "TEMPLATE_NOT_FOUND")


async def test_a_stored_template_is_previewed(client: Client) -> None:
    asked = api.PreviewTemplateRequest(name="welcome")
    asked.context["name"] = "Ada"
    shown = await client.templates.PreviewTemplate(asked)
    assert (shown.subject, shown.body, shown.sms_segments) == ("Welcome", "Hello Ada", 0)


@pytest.mark.parametrize("code, segments", [("123456", 1), ("😀" * 40, 2)])
async def test_a_preview_counts_sms_segments(client: Client, code: str, segments: int) -> None:
    asked = api.PreviewTemplateRequest(name="code_otp")
    asked.context["code"] = code
    assert (await client.templates.PreviewTemplate(asked)).sms_segments == segments


async def test_a_draft_is_previewed_whether_its_name_is_stored_or_not(client: Client) -> None:
    for name, channel in (("welcome", 0), ("not_yet", EMAIL)):
        asked = api.PreviewTemplateRequest(
            name=name,
            channel=channel,
            draft=[TemplateContent(subject="New", body="{{ n }}", html_body="<b>{{ n }}</b>")],
        )
        asked.context["n"] = "<&>"
        shown = await client.templates.PreviewTemplate(asked)
        assert (shown.subject, shown.body, shown.html_body) == ("New", "<&>", "<b>&lt;&amp;&gt;</b>")


@pytest.mark.parametrize(
    "fields, code, reason, field",
    [
        ({"name": "welcome"}, Code.INVALID_ARGUMENT, "MISSING_VARIABLE", "context"),
        ({"name": "nothing"}, Code.NOT_FOUND, "TEMPLATE_NOT_FOUND", None),
        ({"name": "welcome", "version": -1}, Code.INVALID_ARGUMENT, "INVALID_FIELDS", "version"),
        ({"name": "new", "draft": [TemplateContent(body="x")]}, Code.INVALID_ARGUMENT, "CHANNEL_MISSING", "channel"),
        (
            {"name": "welcome", "draft": [TemplateContent(body="{{")]},
            Code.INVALID_ARGUMENT,
            "TEMPLATE_SYNTAX",
            "draft[0].body",
        ),
        (
            {
                "name": "welcome",
                "draft": [
                    TemplateContent(body="{% for a in (1..900) %}{% for b in (1..900) %}x{% endfor %}{% endfor %}")
                ],
            },
            Code.INVALID_ARGUMENT,
            "RENDER_LIMIT",
            "context",
        ),
    ],
)
async def test_a_preview_that_cannot_be_is_refused(
    client: Client, fields: dict[str, Any], code: Code, reason: str, field: str | None
) -> None:
    error = await refusal(client.templates.PreviewTemplate(api.PreviewTemplateRequest(**fields)))
    assert (error.code, error.reason) == (code, reason)
    assert [violation.field for violation in error.violations] == ([field] if field else [])


HEAVY = "{% assign n = (1..9999) | join: ',' | split: ',' %}" + "{% assign n = n | uniq | sort | reverse %}" * 40


async def test_heavy_previews_hold_up_no_send(client: Client) -> None:
    """Some of what one key asks for would take the process for seconds; another's sends go on meanwhile."""
    heavy = api.PreviewTemplateRequest(name="welcome", draft=[TemplateContent(body=HEAVY * 3)])
    previews = [asyncio.ensure_future(refusal(client.templates.PreviewTemplate(heavy))) for _ in range(8)]
    took = []
    while len(took) < 10:
        began = time.monotonic()
        await client.send(context={"name": "Ann"})
        took.append(time.monotonic() - began)
    assert sorted(took)[5] < 0.5
    assert {error.reason for error in await asyncio.gather(*previews)} == {"RENDER_LIMIT"}


@pytest.mark.parametrize(
    "contents",
    [
        [TemplateContent(locale=f"de-{n:05d}", body="{{ a }}" * 1_900) for n in range(20)],
        [TemplateContent(body="{{ a }}" * 2_100)],
        [TemplateContent(body="x", html_body="{{ 'long' }}" * 1_000 + "{{ '" + "x" * 40_000 + "' }}")],
    ],
    ids=["tags together", "tags in a text", "long tags"],
)
async def test_a_template_that_is_too_large_is_refused_at_once(client: Client, contents: list[TemplateContent]) -> None:
    error = await refusal(client.templates.CreateTemplate(api.CreateTemplateRequest(template=new(*contents))))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "TEMPLATE_TOO_LARGE")


async def test_a_template_in_many_languages_is_kept(client: Client) -> None:
    contents = [TemplateContent(locale=f"de-{n:05d}", body=f"{{{{ v{n} }}}}" + "x" * 15_000) for n in range(99)]
    stored = await client.templates.CreateTemplate(api.CreateTemplateRequest(template=new(*contents)))
    assert len(stored.variables) == 99
