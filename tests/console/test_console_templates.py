"""Templates are listed, read at any version, edited, and previewed as they are typed."""

from __future__ import annotations

import html
import re

import pytest

from pulse.common.v1 import enums_pb2, template_pb2
from tests.support import newer_template

TEXT = {"text": "0", "text-0-body": "Hello {{ name }}", "text-0-subject": "Hi"}
FORM = {"name": "hello", "channel": "EMAIL", "category": "news", **TEXT}


@pytest.fixture
def hello(book):
    """A template in two versions."""
    versions = []
    for version in (1, 2):
        template = template_pb2.Template(name="hello", channel=enums_pb2.EMAIL, version=version, variables=["name"])
        template.contents.add(body=f"Text of version {version}: {{{{ name }}}}")
        versions.append(template)
    book.templates["hello"] = versions
    return versions


async def test_templates_are_listed_with_their_variables(visitor, hello):
    page = await visitor.get("/console/templates")
    assert 'href="/console/templates/hello"' in page.text


async def test_any_version_can_be_read_and_the_next_one_is_made_of_it(visitor, hello):
    newest = await visitor.get("/console/templates/hello")
    assert "Text of version 2" in newest.text
    older = await visitor.get("/console/templates/hello", params={"version": "1"})
    assert "Text of version 1" in older.text
    assert "Save as version 3" in older.text


async def test_saving_makes_the_next_version(visitor, book, hello):
    saved = await visitor.submit("/console/templates/hello", FORM)
    assert saved.headers["location"] == "/console/templates/hello"
    assert [version.version for version in book.templates["hello"]] == [1, 2, 3]
    kept = book.templates["hello"][-1]
    assert (kept.category, kept.contents[0].subject) == ("news", "Hi")


async def test_creating_keeps_every_text_with_its_channel_and_locale(visitor, book):
    second = {"text": ["0", "7"], "text-7-body": "Hallo", "text-7-locale": "de", "text-7-channel": "SMS"}
    await visitor.submit("/console/templates", {**FORM, **second})
    contents = book.templates["hello"][0].contents
    assert [(c.body, c.locale, c.channel) for c in contents] == [
        ("Hello {{ name }}", "", enums_pb2.CHANNEL_UNSPECIFIED),
        ("Hallo", "de", enums_pb2.SMS),
    ]


async def test_a_refused_text_is_not_lost(visitor):
    refused = {**FORM, "text-0-body": "{% bad and long"}
    page = await visitor.submit("/console/templates", refused)
    assert page.status_code == 400
    assert "TEMPLATE_SYNTAX" in page.text
    assert "{% bad and long" in page.text


async def test_a_draft_is_previewed_without_being_kept(visitor, book):
    draft = {**FORM, "context": '{"name": "Ann"}', "text-0-html_body": "<p>{{ name }}</p>"}
    part = await visitor.submit("/console/preview", draft)
    assert "Hello Ann" in part.text
    assert 'sandbox="" srcdoc="&lt;p&gt;Ann&lt;/p&gt;"' in part.text
    assert not book.templates


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ("{}", "MISSING_VARIABLE"),
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"name": "Ann", "name": "Bea"}', "stands twice in one object"),
        ('{"name": NaN}', "NaN is no number"),
        ('{"name": "\\ud83d"}', "BAD_PREVIEW"),
        ('{"name": ' + "9" * 400 + "}", "too large"),
        ('{"name": ' + "[" * 90 + "]" * 90 + "}", "nested more than 32 deep"),
    ],
)
async def test_what_stands_in_the_way_of_a_preview_is_shown_in_its_place(visitor, context, told):
    part = await visitor.submit("/console/preview", {**FORM, "context": context})
    assert part.status_code == 200
    assert told in part.text


async def test_an_unknown_template_is_a_clear_404(visitor):
    page = await visitor.get("/console/templates/nothing")
    assert page.status_code == 404
    assert "TEMPLATE_NOT_FOUND" in page.text


def fields_of(page: str) -> dict[str, list[str]]:
    """What a browser would post of the editor, if nothing was typed."""
    form = re.search(r'<form[^>]*id="editor".*?</form>', page, re.DOTALL)
    assert form is not None
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form[0]):
        given = dict(re.findall(r'(name|value)="([^"]*)"', tag))
        if "name" in given and given["name"] != "form_token":
            found.setdefault(given["name"], []).append(html.unescape(given.get("value", "")))
    for name, options in re.findall(r'<select name="([^"]*)".*?>(.*?)</select>', form[0], re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)"[^>]*selected', options)
        found[name] = [chosen[1] if chosen else ""]
    for name, text in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form[0], re.DOTALL):
        found[name] = [html.unescape(text)]
    return found


async def test_what_this_console_does_not_know_of_a_template_is_kept(visitor, book):
    book.templates["letter"] = [newer_template.make()]
    fields = fields_of((await visitor.get("/console/templates/letter")).text)
    fields["text-0-body"] = fields["text-1-body"] = ["By pigeon"]
    saved = await visitor.submit("/console/templates/letter", fields)
    assert saved.status_code == 303, saved.text
    expected = newer_template.make(body="By pigeon")
    expected.version = 2
    expected.variables.append("name")
    assert book.templates["letter"][-1] == expected


@pytest.mark.parametrize("field", ["unknown", "text-0-unknown"])
@pytest.mark.parametrize("damaged", ["%", "eA", "/////w=="])
async def test_what_was_not_carried_along_as_it_was_is_refused(visitor, book, hello, field, damaged):
    page = await visitor.submit("/console/templates/hello", {**FORM, field: damaged})
    assert page.status_code == 400
    assert len(book.templates["hello"]) == 2
