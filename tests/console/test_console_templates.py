"""Templates are listed, read at any version, and edited: all of them, with nothing lost, whatever is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, template_pb2
from pulse_client.template import CONTENT_FLAGS, CONTENT_TEXTS, TemplateContent
from services.console.views.editor import places
from services.console.views.editor.draft import Draft
from services.console.views.editor.form import read_draft
from services.console.views.editor.said_parts import PARTS
from services.console.views.editor.saying import Problems, template_of
from services.console.web.forms import Form
from shared.errors import Code, PulseError, Violation
from tests.console.posted import fields_of
from tests.support import newer_template

TEXT = {"text": "0", "text-0-body": "Hello {{ name }}", "text-0-subject": "Hi"}
FORM = {"name": "hello", "channel": "EMAIL", "category": "news", **TEXT}


def draft_of(fields: dict[str, Any]) -> Draft:
    """What the form would be read as."""
    return read_draft(Form({name: [value] if isinstance(value, str) else value for name, value in fields.items()}))


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


async def test_the_fragments_that_a_version_keeps_are_named(visitor, hello):
    hello[1].fragments.add(name="footer", version=4)
    page = (await visitor.get("/console/templates/hello")).text
    assert 'href="/console/fragments/footer?version=4"' in page


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


async def test_an_unknown_template_is_a_clear_404(visitor):
    page = await visitor.get("/console/templates/nothing")
    assert page.status_code == 404
    assert "TEMPLATE_NOT_FOUND" in page.text


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


def whole() -> template_pb2.Template:
    """A template that says all that one can say."""
    made = template_pb2.Template(name="whole", channel=enums_pb2.PUSH, priority=enums_pb2.HIGH, version=1)
    made.digest_window.seconds = 60
    made.category, made.default_locale = "orders", "de-AT"
    made.contents.add(
        channel=enums_pb2.PUSH,
        subject=' "Hi" & <b> ',
        body="\n  first line is empty\n{{ name }}\n",
        push={
            "data": {"order": "{{ id }}", "a": "two\nlines", "x=y": "", "<b>": "&amp;"},
            "link": "app://orders/{{ id }}",
            "image": "https://x.example/i.png",
            "icon": "ic",
            "sound": "default",
            "badge": 0,
            "collapse_key": "k",
            "channel_id": "c",
            "category": "cat",
            "mutable_content": False,
            "silent": True,
            "analytics_label": "l",
        },
    )
    mail = made.contents.add(
        channel=enums_pb2.EMAIL, locale="fr", sender="news", mjml=True, body="b", html_body="\n<p>{{ name }}</p>"
    )
    mail.email.reply_to, mail.email.preheader = "help@example.com", "Look"
    mail.email.headers["X-Kind"] = "order"
    made.contents.add(channel=enums_pb2.SMS, body="b", sms={"max_segments": 2, "transliterate": True})
    sid = "HX" + "0" * 32
    made.contents.add(
        channel=enums_pb2.WHATSAPP, body="b", whatsapp={"content_sid": sid, "content_variables": {"1": "{{ name }}"}}
    )
    made.contents.add(locale="es", strings={"hello": "Hola", "bye": "Adi\u00f3s,\nhasta luego", "none": ""})
    return made


async def test_a_template_that_is_saved_as_it_is_shown_is_the_same(visitor, book):
    book.templates["whole"] = [whole()]
    fields = fields_of((await visitor.get("/console/templates/whole")).text)
    saved = await visitor.submit("/console/templates/whole", fields)
    assert saved.status_code == 303, saved.text
    expected = whole()
    expected.version = 2
    expected.variables.append("name")
    assert book.templates["whole"][-1] == expected


async def test_every_field_of_the_contract_can_be_edited(visitor, book):
    assert [one for part in PARTS for one in part.fields if one.kind == "other"] == []
    page = (await visitor.get("/console/new-template")).text
    for name in (*CONTENT_TEXTS, *CONTENT_FLAGS):
        assert f'name="text-0-{name}"' in page
    for part in PARTS:
        for one in part.fields:
            assert f'name="text-0-{part.name}-{one.name}{"-key" if one.kind == "map" else ""}"' in page


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"push-link": " app://x "}, {"push": {"link": "app://x"}}),
        ({"push-badge": "0"}, {"push": {"badge": 0}}),
        ({"push-badge": ""}, {}),
        ({"push-silent": "no"}, {"push": {"silent": False}}),
        ({"push-silent": ""}, {}),
        ({"push-data-key": ["a", "", "b"], "push-data-value": ["1", "", ""]}, {"push": {"data": {"a": "1", "b": ""}}}),
        ({"push-data-key": ["a"], "push-data-value": ["1\r\n2"]}, {"push": {"data": {"a": "1\n2"}}}),
        ({"strings-key": ["hello"], "strings-value": [" Hi "]}, {"strings": {"hello": " Hi "}}),
        ({"mjml": "yes"}, {"mjml": True}),
        ({"sms-max_segments": "2", "sms-transliterate": "yes"}, {"sms": {"max_segments": 2, "transliterate": True}}),
        ({"email-reply_to": "a@b.example"}, {"email": {"reply_to": "a@b.example"}}),
    ],
)
def test_what_is_typed_is_what_is_kept(typed: dict[str, Any], kept: dict[str, Any]):
    fields = {**FORM, **{f"text-0-{name}": value for name, value in typed.items()}}
    expected = TemplateContent(body="Hello {{ name }}", subject="Hi", **kept)
    assert template_of(draft_of(fields)).contents == (expected,)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("template.contents[1].subject", "text-4-subject"),
        ("template.contents[1].push.data", "text-4-push-data"),
        ("template.contents[1].push.data.order", "text-4-push-data"),
        ("template.contents[1].email.headers.X-A.B", "text-4-email-headers"),
        ("template.contents[1].email.reply_to", "text-4-email-reply_to"),
        ("template.contents[1].strings.hello", "text-4-strings"),
        ("template.contents[1].sms.max_segments", "text-4-sms-max_segments"),
        ("template.contents[1].whatsapp.content_variables", "text-4-whatsapp-content_variables"),
        ("template.contents[1]", "text-4"),
        ("template.contents[1].newer.field", "text-4"),
        ("template.contents", "contents"),
        ("template.name", "name"),
        ("template.category", "category"),
        ("template.digest_window", "digest_window"),
        ("template.default_locale", "default_locale"),
        ("template.channel", "channel"),
    ],
)
def test_a_path_of_the_api_is_a_place_in_the_form(path: str, place: str):
    draft = draft_of({**FORM, "text": ["0", "4"]})
    assert places.place_of(path, draft) == place
    assert places.title_of(place, draft)


async def test_what_is_refused_is_told_beside_its_field_and_nothing_is_lost(visitor, book):
    in_text = ("subject", "push.data.order")
    wrong = [*(f"template.contents[1].{path}" for path in in_text), "template.contents", "template.name"]
    book.violations = [Violation(path, "is not liked") for path in wrong]
    fields = {**FORM, "text": ["0", "4"], "text-4-body": "typed and long", "text-4-push-data-key": ["order"]}
    fields |= {"text-4-push-data-value": ["7"], "text-4-strings-key": ["hello"], "text-4-strings-value": ["Hallo"]}
    page = await visitor.submit("/console/templates", fields)
    assert page.status_code == 400
    for place in ("text-4-subject", "text-4-push-data", "contents", "name"):
        assert f'id="fault-{place}" role="alert">is not liked</span>' in page.text
        assert f'<a href="#{place}">' in page.text and f'id="{place}"' in page.text
    assert "REFUSED" in page.text
    again = fields_of(page.text)
    assert again["text-4-body"] == ["typed and long"]
    assert (again["text-4-push-data-key"], again["text-4-push-data-value"]) == (["order", ""], ["7", ""])
    assert (again["name"], again["text-4-strings-value"]) == (["hello"], ["Hallo", ""])


@pytest.mark.parametrize(
    ("typed", "place", "told"),
    [
        ({"text-0-push-badge": "three"}, "text-0-push-badge", "whole number"),
        ({"text-0-push-badge": "1.5"}, "text-0-push-badge", "whole number"),
        ({"text-0-sms-max_segments": "9" * 40}, "text-0-sms-max_segments", "whole number"),
        ({"text-0-sms-max_segments": "\u0663"}, "text-0-sms-max_segments", "whole number"),
        ({"digest_window": "an hour"}, "digest_window", "whole number"),
        ({"text-0-push-data-key": ["a", "a"], "text-0-push-data-value": ["1", "2"]}, "text-0-push-data", "twice"),
        ({"text-0-push-data-key": [""], "text-0-push-data-value": ["1"]}, "text-0-push-data", "no name"),
        ({"text-0-strings-key": ["", "b"], "text-0-strings-value": ["1", ""]}, "text-0-strings", "no name"),
        ({"text-0-email-headers-key": ["", ""], "text-0-email-headers-value": ["", "x"]}, "text-0-email-headers", "no"),
    ],
)
def test_what_cannot_be_read_is_told_beside_its_field(typed: dict[str, Any], place: str, told: str):
    with pytest.raises(Problems) as caught:
        template_of(draft_of({**FORM, **typed}))
    assert list(caught.value.found) == [place]
    assert told in caught.value.found[place]


async def test_what_cannot_be_read_stays_as_it_was_typed(visitor, book):
    typed = {"text-0-push-badge": "three", "text-0-push-data-key": ["a", "a"], "text-0-push-data-value": ["1", "2"]}
    page = await visitor.submit("/console/templates", {**FORM, **typed})
    assert page.status_code == 400
    assert 'id="fault-text-0-push-badge"' in page.text and 'id="fault-text-0-push-data"' in page.text
    again = fields_of(page.text)
    assert (again["text-0-push-badge"], again["text-0-push-data-value"]) == (["three"], ["1", "2", ""])
    assert not book.templates


@pytest.mark.parametrize(
    "error",
    [
        PulseError(Code.UNAVAILABLE, "LEDGER_AWAY", "try again"),
        PulseError(Code.PERMISSION_DENIED, "SCOPE_MISSING", "lacks the scope 'templates'"),
        PulseError(Code.RESOURCE_EXHAUSTED, "TOO_MANY_TEMPLATES", "no more"),
    ],
)
async def test_whatever_the_api_answers_what_was_typed_stays(visitor, book, hello, error: PulseError):
    (await visitor.get("/console/templates/hello")).raise_for_status()
    book.failure = error
    page = await visitor.submit("/console/templates/hello", {**FORM, "base_version": "2", "text-0-body": "long work"})
    assert error.reason in page.text
    assert fields_of(page.text)["text-0-body"] == ["long work"]
    assert "Save as version 3" in page.text


async def test_a_name_that_is_taken_is_told_beside_the_name(visitor, book):
    book.failure = PulseError(Code.ALREADY_EXISTS, "TEMPLATE_EXISTS", "there is a template 'hello' already")
    page = await visitor.submit("/console/templates", FORM)
    assert page.status_code == 409
    assert 'id="fault-name"' in page.text
    assert fields_of(page.text)["name"] == ["hello"]


async def test_who_comes_second_is_told_and_may_save_over_it_knowingly(visitor, book, hello):
    mine = {**FORM, "base_version": "1", "text-0-body": "mine"}
    page = await visitor.submit("/console/templates/hello", mine)
    assert page.status_code == 409
    assert "TEMPLATE_CHANGED" in page.text
    assert "/console/templates/hello?version=2" in page.text
    assert len(book.templates["hello"]) == 2
    again = fields_of(page.text)
    assert (again["text-0-body"], again["base_version"]) == (["mine"], ["2"])
    saved = await visitor.submit("/console/templates/hello", again)
    assert saved.status_code == 303
    assert book.templates["hello"][-1].contents[0].body == "mine"


async def test_without_scripts_texts_and_rows_come_and_go_and_what_was_typed_stays(visitor):
    fields = {**FORM, "text-0-push-data-key": ["order"], "text-0-push-data-value": ["7"]}
    more = fields_of((await visitor.submit("/console/editor", {**fields, "add": "text"})).text)
    assert (more["text"], more["text-0-body"]) == (["0", "1"], ["Hello {{ name }}"])
    rows = fields_of((await visitor.submit("/console/editor", {**more, "add": "text-0-push-data"})).text)
    assert rows["text-0-push-data-key"] == ["order", ""]
    fewer = fields_of((await visitor.submit("/console/editor", {**more, "remove": "0"})).text)
    assert fewer["text"] == ["1"]
    last = fields_of((await visitor.submit("/console/editor", {**fewer, "remove": "1"})).text)
    assert last["text"] == ["1"], "a template has a text"


async def test_scripts_append_rows_and_texts(visitor):
    text = await visitor.get("/console/new-template/text", params={"number": "7"})
    assert 'name="text-7-push-link"' in text.text
    row = await visitor.get("/console/new-template/row", params={"add": "text-7-push-data"})
    assert 'name="text-7-push-data-key"' in row.text
    strange = await visitor.get("/console/new-template/row", params={"add": 'x"><script>'})
    assert "<script" not in strange.text


async def test_a_template_as_large_as_one_may_be_fits_the_form(visitor, book):
    texts = [str(n) for n in range(50)]
    fields = {**FORM, "text": texts, **{f"text-{n}-body": "\u0142" * 32_000 for n in texts}}
    saved = await visitor.submit("/console/templates", fields)
    assert saved.status_code == 303, saved.text[:500]
    assert len(book.templates["hello"][0].contents) == 50
