"""Fragments, and the templates that take them in."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.fragment_pb2 import Fragment, FragmentContent
from pulse.common.v1.template_pb2 import CompiledTexts, Template, TemplateContent
from pulse.gateway.v1 import fragment_service_pb2 as api
from pulse.gateway.v1 import template_service_pb2
from shared.errors import Code, PulseError
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

EMAIL, SMS = enums_pb2.EMAIL, enums_pb2.SMS


def fragment(name: str = "footer", body: str = "Bye {{ name }}", **fields: Any) -> Fragment:
    return Fragment(name=name, contents=fields.pop("contents", [FragmentContent(body=body)]), **fields)


async def create(client: Client, given: Fragment) -> Fragment:
    return await client.fragments.CreateFragment(api.CreateFragmentRequest(fragment=given))


async def update(client: Client, given: Fragment, *, apply: bool = False) -> Fragment:
    request = api.UpdateFragmentRequest(fragment=given, apply_to_templates=apply)
    return await client.fragments.UpdateFragment(request)


async def get(client: Client, name: str = "footer") -> Fragment:
    return await client.fragments.GetFragment(api.GetFragmentRequest(name=name))


def template(body: str = 'Hi {% render "footer" %}', name: str = "hello", **fields: Any) -> Template:
    content = TemplateContent(body=body, **{key: fields.pop(key) for key in ("html_body", "subject") if key in fields})
    return Template(name=name, channel=EMAIL, **{"contents": [content], **fields})


async def save(client: Client, given: Template) -> Template:
    return await client.templates.CreateTemplate(template_service_pb2.CreateTemplateRequest(template=given))


async def preview(
    client: Client, *draft: TemplateContent, name: str = "hello", locale: str = "", channel: int = EMAIL, **context: Any
) -> template_service_pb2.PreviewTemplateResponse:
    request = template_service_pb2.PreviewTemplateRequest(name=name, locale=locale, draft=draft, channel=channel)
    request.context.update(context)
    return await client.templates.PreviewTemplate(request)


def violations(error: PulseError) -> dict[str, str]:
    return {one.field: one.description for one in error.violations}


async def test_a_fragment_is_made_changed_shown_listed_and_deleted(client: Client) -> None:
    made = await create(client, fragment(version=7, used_by=[{"template_name": "forged"}], fragments=["forged"]))
    assert (made.version, list(made.used_by), list(made.fragments)) == (1, [], [])
    assert (await update(client, fragment(body="Newer"))).version == 2
    assert (await get(client)).contents[0].body == "Newer"
    assert [one.name for one in (await client.fragments.ListFragments(api.ListFragmentsRequest())).fragments] == [
        "footer"
    ]
    await client.fragments.DeleteFragment(api.DeleteFragmentRequest(name="footer"))
    assert (await refusal(get(client))).reason == "FRAGMENT_NOT_FOUND"


async def test_a_template_keeps_the_fragments_versions_and_asks_for_their_variables(client: Client) -> None:
    await create(client, fragment("address", "{{ city }}"))
    await create(client, fragment(body='Bye {{ name }}, {% render "address", city: town %}'))
    saved = await save(client, template())
    assert [(pin.name, pin.version) for pin in saved.fragments] == [("address", 1), ("footer", 1)]
    assert list(saved.variables) == ["name", "town"]
    assert not any(content.HasField("compiled") for content in saved.contents)
    assert saved.contents[0].body == 'Hi {% render "footer" %}'
    assert list((await get(client)).fragments) == ["address"]


async def test_what_was_saved_stays_whatever_becomes_of_the_fragment(client: Client) -> None:
    await create(client, fragment())
    await save(client, template())
    updated = await update(client, fragment(body="Newer"))
    assert [(use.template_name, use.fragment_version) for use in updated.used_by] == [("hello", 1)]
    assert (await show(client)).body == "Hi Bye Ada"


async def show(client: Client, name: str = "hello", locale: str = "") -> template_service_pb2.PreviewTemplateResponse:
    request = template_service_pb2.PreviewTemplateRequest(name=name, locale=locale, channel=EMAIL)
    request.context.update({"name": "Ada"})
    return await client.templates.PreviewTemplate(request)


async def test_a_fragment_is_applied_to_the_templates_that_take_it_in(client: Client, peers: fakes.Peers) -> None:
    await create(client, fragment("inner", "old"))
    await create(client, fragment(body='{% render "inner" %}!'))
    await save(client, template())
    await save(client, template(name="other", html_body='<p>{% render "footer" %}'))
    await save(client, template("plain", name="plain"))
    updated = await update(client, fragment("inner", "new {{ name }}"), apply=True)
    uses = [(use.template_name, use.template_version, use.fragment_version) for use in updated.used_by]
    assert uses == [("hello", 2, 2), ("other", 2, 2)]
    assert ((await show(client)).body, (await show(client, "other")).html_body) == ("Hi new Ada!", "<p>new Ada!")
    assert list(peers.reader.templates["default", "hello"].variables) == ["name"]
    assert peers.reader.templates["default", "plain"].version == 1


async def test_what_else_a_template_takes_in_stays_as_it_was(client: Client, peers: fakes.Peers) -> None:
    await create(client, fragment("header", "old"))
    await create(client, fragment())
    await save(client, template('{% render "header" %} {% render "footer" %}'))
    await update(client, fragment("header", "not yet"))
    await update(client, fragment(body="new"), apply=True)
    assert (await show(client)).body == "old new"
    pins = peers.reader.templates["default", "hello"].fragments
    assert {pin.name: pin.version for pin in pins} == {"footer": 2, "header": 1}
    await create(client, fragment("more", "more"))
    await update(client, fragment(body='{% render "more" %} {% render "header" %}'), apply=True)
    assert (await show(client)).body == "old more old"


async def test_what_one_of_the_templates_cannot_take_is_applied_to_none(client: Client, peers: fakes.Peers) -> None:
    await create(client, fragment())
    await save(client, template())
    await save(client, template("x", subject='{% render "footer" %}', name="titled"))
    error = await refusal(update(client, fragment(body="two\nlines"), apply=True))
    assert error.reason == "CONTROL_CHARACTER"
    assert list(violations(error)) == ["templates[titled].contents[0].subject"]
    assert ((await get(client)).version, peers.reader.templates["default", "hello"].version) == (1, 1)
    assert (await update(client, fragment(body="two\nlines"))).version == 2


async def test_too_many_templates_are_told_and_left_as_they_are(client: Client, peers: fakes.Peers) -> None:
    await create(client, fragment())
    for n in range(101):
        stored = template(name=f"t{n}", version=1, fragments=[{"name": "footer", "version": 1}])
        peers.store(stored)
    error = await refusal(update(client, fragment(body="x"), apply=True))
    assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "TOO_MANY_TEMPLATES")
    del peers.reader.templates["default", "t0"]
    assert len((await update(client, fragment(body="x"), apply=True)).used_by) == 100


async def test_neither_are_templates_that_weigh_too_much(client: Client, peers: fakes.Peers) -> None:
    await create(client, fragment())
    for n in range(60):
        peers.store(
            template('{% render "footer" %}' + "x" * 60_000, f"t{n}", fragments=[{"name": "footer", "version": 1}])
        )
    assert (await refusal(update(client, fragment(body="x"), apply=True))).reason == "TOO_MANY_TEMPLATES"


async def test_what_a_caller_says_was_compiled_is_not_believed(client: Client) -> None:
    forged = TemplateContent(body="Hi", compiled=CompiledTexts(texts={"body": "Forged"}))
    await save(
        client, Template(name="hello", channel=EMAIL, contents=[forged], fragments=[{"name": "x", "version": 1}])
    )
    assert (await show(client)).body == "Hi"
    assert (await preview(client, forged, name="draft")).body == "Hi"


async def test_a_send_renders_what_was_taken_in(client: Client, peers: fakes.Peers) -> None:
    await create(client, fragment())
    await save(client, template())
    await client.send(template_name="hello", context={"name": "Ada"})
    error = await refusal(client.send(template_name="hello", context={}))
    assert (len(peers.router.submissions), error.reason) == (1, "MISSING_VARIABLE")


async def test_a_layout_is_filled_by_the_templates_blocks(client: Client) -> None:
    base = "<h1>{% block title %}Shop{% endblock %}</h1>{% block body required %}{% endblock %}"
    await create(client, fragment("base", base))
    title = "{% block title %}{{ block.super }}: {{ name }}{% endblock %}"
    own = '{% extends "base" %}' + title + "{% block body %}<p>Hi{% endblock %}"
    await save(client, template("x", html_body=own))
    assert (await show(client)).html_body == "<h1>Shop: Ada</h1><p>Hi"


async def test_each_language_takes_in_its_own_and_what_it_lacks_is_named(client: Client) -> None:
    contents = [FragmentContent(body="Bye"), FragmentContent(locale="de", body="Tschüs")]
    await create(client, fragment(contents=contents))
    body = 'Hi {% render "footer" %}'
    languages = [TemplateContent(body=body, locale=locale) for locale in ("", "de-AT", "fr")]
    await save(client, template(contents=languages))
    shown = {locale: await show(client, locale=locale) for locale in ("en", "de-AT", "fr")}
    assert {locale: one.body for locale, one in shown.items()} == {"en": "Hi Bye", "de-AT": "Hi Tschüs", "fr": "Hi Bye"}
    assert {locale: list(one.missing_fragments) for locale, one in shown.items()} == {
        "en": [],
        "de-AT": [],
        "fr": ["footer"],
    }


async def test_a_language_of_strings_alone_takes_in_its_own_fragments(client: Client) -> None:
    await create(
        client,
        fragment(contents=[FragmentContent(body="{{ strings.bye }}"), FragmentContent(locale="de", body="Tschüs")]),
    )
    contents = [
        TemplateContent(body='{{ strings.hi }} {% render "footer" %}', strings={"hi": "Hi", "bye": "Bye"}),
        TemplateContent(locale="de", strings={"hi": "Hallo"}),
    ]
    saved = await save(client, template(contents=contents))
    assert not saved.variables
    assert [(await show(client, locale=locale)).body for locale in ("en", "de")] == ["Hi Bye", "Hallo Tschüs"]


async def test_a_channels_own_text_goes_before_that_for_any(client: Client) -> None:
    texts = [FragmentContent(body="any"), FragmentContent(channel=SMS, body="short")]
    await create(client, fragment(contents=texts))
    body = '{% render "footer" %}'
    contents = [TemplateContent(body=body, channel=channel) for channel in (EMAIL, SMS)]
    assert (await preview(client, *contents)).body == "any"
    assert (await preview(client, *contents, channel=SMS)).body == "short"


RENDER = '{% render "footer" %}'


@pytest.mark.parametrize(
    "body, reason",
    [
        ('{% render "none" %}', "FRAGMENT_NOT_FOUND"),
        ('{% extends "none" %}', "FRAGMENT_NOT_FOUND"),
        ('{% render "../../etc/passwd" %}', "FRAGMENT_NAME"),
        ('{% render "" %}', "FRAGMENT_NAME"),
        ("{% render name %}", "FRAGMENT_NAME"),
        ('{% render "footer" | append: "x" %}', "TEMPLATE_SYNTAX"),
        ("{% extends layout %}", "FRAGMENT_NAME"),
        ("{% render %}", "FRAGMENT_NAME"),
        ('{% include "footer" %}', "TEMPLATE_SYNTAX"),
        ('{% render "sms" %}', "FRAGMENT_NOT_FIT"),
        ('{% render "a" %}', "FRAGMENT_CYCLE"),
        ('{% render "self" %}', "FRAGMENT_CYCLE"),
        ('{% extends "own-layout" %}', "FRAGMENT_CYCLE"),
        ('{% render "deep-0" %}', "FRAGMENT_DEPTH"),
        ('{% extends "layout" %}said in vain', "TEMPLATE_SYNTAX"),
        ('{% extends "layout" %}{{ said }}', "TEMPLATE_SYNTAX"),
        ('{% extends "layout" %}{% assign a = 1 %}', "TEMPLATE_SYNTAX"),
        ('Hi {% extends "layout" %}', "TEMPLATE_SYNTAX"),
        ('{% extends "layout" %}{% extends "layout" %}', "TEMPLATE_SYNTAX"),
        ('{% extends "layout" %}', "BLOCK_MISSING"),
        ('{% extends "layout" %}{% block main %}{{ block.super }}{% endblock %}', "BLOCK_MISSING"),
        ("{% block x %}{{ block.super }}{% endblock %}", "TEMPLATE_SYNTAX"),
        ("{% block x %}", "TEMPLATE_SYNTAX"),
        ("{% endblock %}", "TEMPLATE_SYNTAX"),
        ("{% block x %}{% endblock y %}", "TEMPLATE_SYNTAX"),
        ("{% block x %}{% endblock %}{% block x %}{% endblock %}", "TEMPLATE_SYNTAX"),
        ("{% if a %}{% block x %}{% endif %}{% endblock %}", "TEMPLATE_SYNTAX"),
        ("{% block x %}{% if a %}{% endblock %}{% endif %}", "TEMPLATE_SYNTAX"),
        ('{% render "footer", a: 1 %}' * 1_001, "TEMPLATE_TOO_LARGE"),
        ('{% render "long" %}' * 6, "TEMPLATE_TOO_LARGE"),
        (RENDER + "{% piece 'x' %}{% endpiece %}", "TEMPLATE_SYNTAX"),
        ('{% render "footer" with %}', "TEMPLATE_SYNTAX"),
        ("{% liquid\nrender 'footer'\n%}", "TEMPLATE_SYNTAX"),
        ("{% block b %}" * 21 + "{% endblock %}" * 21, "TEMPLATE_SYNTAX"),
        ("".join(f"{{% block b{n} %}}" for n in range(21)) + "{% endblock %}" * 21, "FRAGMENT_DEPTH"),
        ("".join(f'{{% render "f{n}" %}}' for n in range(101)), "TOO_MANY_FRAGMENTS"),
    ],
)
async def test_what_cannot_be_taken_in_is_refused_where_it_stands(
    client: Client, peers: fakes.Peers, body: str, reason: str
) -> None:
    stored = {
        "footer": "Bye",
        "a": '{% render "b" %}',
        "b": '{% render "a" %}',
        "self": '{% render "self" %}',
        "own-layout": '{% extends "own-layout" %}',
        "layout": "{% block main required %}{% endblock %}",
        "long": "x" * 50_000,
        **{f"deep-{n}": f'{{% render "deep-{n + 1}" %}}' for n in range(10)},
        "deep-10": "x",
    }
    for name, text in stored.items():
        peers.reader.fragments["default", name] = fragment(name, text, version=1)
    peers.reader.fragments["default", "sms"] = fragment("sms", contents=[FragmentContent(channel=SMS, body="x")])
    error = await refusal(save(client, template(body)))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert [*violations(error)] == ["template.contents" + ("" if reason == "TOO_MANY_FRAGMENTS" else "[0].body")]
    error = await refusal(preview(client, TemplateContent(body=body)))
    assert error.reason == reason


@pytest.mark.parametrize(
    "contents, reason, field",
    [
        ([{"body": "{{ name"}], "TEMPLATE_SYNTAX", "[0].body"),
        ([{"body": "ok"}, {"locale": "de", "body": "{% if %}"}], "TEMPLATE_SYNTAX", "[1].body"),
        ([{"body": "{% render 'none' %}"}], "FRAGMENT_NOT_FOUND", "[0].body"),
        ([{"body": "{% render 'footer' %}"}], "FRAGMENT_CYCLE", "[0].body"),
        ([{"body": "{% extends 'footer' %}"}], "FRAGMENT_CYCLE", "[0].body"),
        ([{"body": "{% render 'user' %}"}], "FRAGMENT_CYCLE", "[0].body"),
        ([{"body": "a\0b"}], "CONTROL_CHARACTER", "[0].body"),
        ([{"body": "{{ a }}" * 2_001}], "TEMPLATE_TOO_LARGE", "[0].body"),
        ([{"body": "a"}, {"body": "b"}], "CONTENT_REPEATED", "[1]"),
    ],
)
async def test_a_fragment_that_nobody_could_take_in_is_refused(
    client: Client, peers: fakes.Peers, contents: list[dict[str, Any]], reason: str, field: str
) -> None:
    peers.reader.fragments["default", "user"] = fragment("user", "{% render 'footer' %}", version=1)
    given = fragment(contents=[FragmentContent(**one) for one in contents])
    for of in (create(client, given), update(client, given)):
        error = await refusal(of)
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
        assert [*violations(error)] == [f"fragment.contents{field}"]


async def test_a_cycle_is_told_by_its_path(client: Client, peers: fakes.Peers) -> None:
    peers.reader.fragments["default", "address"] = fragment("address", "{% render 'footer' %}", version=1)
    error = await refusal(create(client, fragment(body='{% render "address" %}')))
    assert "'address' → 'footer' → 'address'" in violations(error)["fragment.contents[0].body"]


@pytest.mark.parametrize(
    "given",
    [
        Fragment(name="footer"),
        Fragment(name="foo ter", contents=[FragmentContent(body="x")]),
        Fragment(name="../x", contents=[FragmentContent(body="x")]),
        Fragment(name="x" * 101, contents=[FragmentContent(body="x")]),
        Fragment(name="footer", contents=[FragmentContent(body="")]),
        Fragment(name="footer", contents=[FragmentContent(body="x" * 65_537)]),
        Fragment(name="footer", contents=[FragmentContent(body="x", locale="no locale")]),
        Fragment(name="footer", contents=[FragmentContent(body="x", channel=99)]),
        Fragment(name="footer", contents=[FragmentContent(body="x")] * 101),
    ],
)
async def test_the_contracts_rules_hold(client: Client, given: Fragment) -> None:
    assert (await refusal(create(client, given))).code is Code.INVALID_ARGUMENT


async def test_a_template_without_fragments_asks_the_ledger_for_none(client: Client, peers: fakes.Peers) -> None:
    await save(client, template("Hi {% if name %}{{ name }}{% endif %}"))
    assert not peers.reader.requests


async def test_a_thousand_times_the_same_is_taken_in_once(client: Client, peers: fakes.Peers) -> None:
    await create(client, fragment(body="x"))
    await save(client, template(RENDER * 1_000))
    assert (await show(client)).body == "x" * 1_000
    assert len([one for one in peers.reader.requests if hasattr(one, "names")]) == 1


@pytest.mark.parametrize(
    "body",
    [
        "{% for i in (1..10000) %}" + RENDER + "{% endfor %}",
        '{% for i in (1..1000) %}{% render "footer" for items %}{% endfor %}',
        '{% render "footer" for many %}',
    ],
)
async def test_a_fragment_in_a_loop_is_held_to_the_bounds_of_all_texts(client: Client, body: str) -> None:
    await create(client, fragment(body="x"))
    await save(client, template(body))
    context = {"items": [1, 2], "many": [1] * 10_000}
    error = await refusal(client.send(template_name="hello", context=context))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "RENDER_LIMIT")
