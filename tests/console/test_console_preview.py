"""A draft is previewed as it stands in the form: nothing of it is kept, run or fetched."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from services.console.views.editor.frame import mail_document
from tests.console.posted import fields_of

FORM = {"name": "hello", "channel": "EMAIL", "text": "0", "text-0-body": "Hello {{ name }}", "text-0-subject": "Hi"}


def document(page: str) -> str:
    """What the frame shows."""
    found = re.search(r'<iframe name="shown" sandbox="" srcdoc="([^"]*)"', page)
    assert found, page
    return html.unescape(found[1])


async def preview(visitor: Any, **fields: Any) -> str:
    typed = {
        f"text-0-{name}" if name not in ("channel", "context", "shade", "width") else name: value
        for name, value in fields.items()
    }
    part = await visitor.submit("/console/preview", {**FORM, **typed})
    assert part.status_code == 200
    return part.text


async def test_a_draft_is_previewed_without_being_kept(visitor, book):
    part = await preview(visitor, context='{"name": "Ann"}', html_body="<p>{{ name }}</p>")
    assert "Hello Ann" in part
    assert "<p>Ann</p>" in document(part)
    assert not book.templates
    asked = book.asked("PreviewTemplateRequest")
    assert (asked.template.contents[0].subject, asked.fill_missing) == ("Hi", True)


async def test_all_of_the_form_is_previewed_and_not_what_is_kept(visitor, book):
    await visitor.submit("/console/templates", {**FORM, "category": "news"})
    fields = {"default_locale": "de", "digest_window": "60", "text-0-push-link": "app://x", "category": "Bad Category"}
    await visitor.submit("/console/preview", {**FORM, **fields})
    asked = book.asked("PreviewTemplateRequest").template
    assert (asked.default_locale, asked.digest_window.seconds, asked.contents[0].push.link) == ("de", 60, "app://x")
    assert asked.category == "", "what is kept with a template alone is checked when it is saved"


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"name": "Ann", "name": "Bea"}', "stands twice in one object"),
        ('{"name": NaN}', "NaN is no number"),
        ('{"name": "\\ud83d"}', "BAD_PREVIEW"),
        ('{"name": ' + "9" * 400 + "}", "too large"),
        ('{"name": ' + "[" * 90 + "]" * 90 + "}", "nested more than 32 deep"),
    ],
)
async def test_variables_that_cannot_be_are_told_in_the_previews_place(visitor, context, told):
    assert told in await preview(visitor, context=context)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"body": "{% bad"}, '<a href="#text-0-body">text 1, body</a>: is not valid Liquid'),
        ({"body": "{{ total }}"}, '<a href="#context">context</a>'),
        ({"push-badge": "x"}, '<a href="#text-0-push-badge">text 1, push badge</a>: must be a whole number'),
    ],
)
async def test_what_is_wrong_with_the_draft_leads_to_its_field(visitor, typed, told):
    assert told in await preview(visitor, **typed)


async def test_what_the_variables_lack_is_named_and_added_by_its_button(visitor):
    part = await preview(visitor, context="{}")
    assert "Hello NAME" in part
    assert '<span class="mono">name</span>' in part
    field = await visitor.submit("/console/preview/context", {**FORM, "context": '{"other": [1, "é"]}'})
    written = html.unescape(re.search(r"<textarea[^>]*>\n(.*)</textarea>", field.text, re.DOTALL)[1])
    assert json.loads(written) == {"other": [1, "é"], "name": "NAME"}
    assert "lacks" not in await preview(visitor, context='{"name": "Ann"}')


async def test_without_scripts_the_whole_page_comes_back_with_the_preview_in_it(visitor):
    asked = {**FORM, "context": '{"name": "Ann"}', "width": "phone", "shade": "dark", "text-0-push-badge": "x"}
    page = await visitor.submit("/console/editor", asked)
    fields = fields_of(page.text)
    assert (fields["width"], fields["shade"], fields["text-0-push-badge"]) == (["phone"], ["dark"], ["x"])
    asked["text-0-push-badge"] = "3"
    page = await visitor.submit("/console/editor", {**asked, "context": "{}", "add": "variables"})
    assert "Hello NAME" in page.text
    assert json.loads(fields_of(page.text)["context"][0]) == {"name": "NAME"}


async def test_in_the_frame_nothing_runs_and_nothing_is_fetched(visitor):
    part = await preview(visitor, html_body='<img src="https://x.example/i.png"><script>alert(1)</script>')
    assert 'sandbox=""' in part
    head = document(part).partition("<img")[0]
    assert "default-src &#x27;none&#x27;; img-src data:; style-src &#x27;unsafe-inline&#x27;" in head
    assert "Show pictures" in part


@pytest.mark.parametrize(
    ("body", "fetches"),
    [
        ('<img src="https://x.example/i.png">', True),
        ("<img src=//x.example/i.png>", True),
        ("<td background='http://x.example/i.png'>", True),
        ('<p style="background: url( https://x.example/i.png )">', True),
        ('<img src="cid:logo">', False),
        ('<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', False),
        ('<a href="https://x.example/">x</a>', False),
    ],
)
async def test_pictures_are_offered_where_there_are_some_elsewhere(visitor, body, fetches):
    assert ("Show pictures" in await preview(visitor, html_body=body)) == fetches


async def test_with_pictures_the_frames_own_policy_lets_in_pictures_alone(visitor):
    asked = {**FORM, "text-0-html_body": '<img src="https://x.example/i.png">'}
    page = await visitor.submit("/console/preview/pictures", asked)
    policy = dict(
        part.split(" ", 1) if " " in part else (part, "")
        for part in page.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "http: https: data:"
    assert policy["sandbox"] == "" and policy["frame-ancestors"] == "'self'"
    assert "script-src" not in policy
    assert page.headers["x-frame-options"] == "SAMEORIGIN"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "Content-Security-Policy" not in page.text
    assert '<img src="https://x.example/i.png">' in page.text


@pytest.mark.parametrize(
    ("body", "shade", "scheme", "rules"),
    [
        ("<p>x</p>", "dark", "light", None),
        ("<p>x</p>", "light", "light", None),
        ("<style>@media (prefers-color-scheme: dark) {p{}}</style>", "dark", "dark", "@media (min-width: 0)"),
        ("<style>@media (prefers-color-scheme: dark) {p{}}</style>", "light", "light", "@media (max-width: 0)"),
        ("<style>@media(PREFERS-COLOR-SCHEME:light) and (min-width:9px){}</style>", "dark", "light", "(max-width: 0)"),
        ('<meta name="color-scheme" content="light dark">', "dark", "dark", None),
        ('<meta content="light dark" name="supported-color-schemes">', "dark", "dark", None),
        ("<style>:root{color-scheme:light dark}</style>", "dark", "dark", None),
        ('<meta name="color-scheme" content="light only">', "dark", "light", None),
    ],
)
def test_the_dark_frame_follows_what_a_mail_says_of_dark(body, shade, scheme, rules):
    made = mail_document(body, shade)
    assert f"color-scheme:only {scheme}!important" in made
    assert rules is None or rules in made


async def test_a_push_is_shown_as_devices_show_it(visitor):
    fields = {
        "push-image": "https://x.example/i.png",
        "push-data-key": "order",
        "push-data-value": "7",
        "push-badge": "3",
    }
    part = await preview(visitor, channel="PUSH", subject="<Title>", body="Text & more", **fields)
    shown = document(part)
    assert (shown.count("&lt;Title&gt;"), shown.count("Text &amp; more")) == (4, 4)
    assert 'aria-label="Android"' in shown and 'aria-label="iPhone"' in shown
    assert "<img" not in shown and "Show pictures" in part
    assert "https://x.example/i.png" in part and "order" in part
    asked = {**FORM, "channel": "PUSH", "text-0-push-image": "https://x.example/i.png"}
    pictures = await visitor.submit("/console/preview/pictures", asked)
    assert pictures.text.count('<img src="https://x.example/i.png"') == 3


async def test_a_silent_push_shows_nothing(visitor):
    part = await preview(visitor, channel="PUSH", **{"push-silent": "yes"})
    assert "Silent" in part and "<iframe" not in part


async def test_an_sms_tells_its_segments_and_what_made_it_ucs_2(visitor, book):
    book.preview = {"sms_segments": 2, "sms_unicode_character": "ł"}
    part = await preview(visitor, channel="SMS", body="Zażółć ł {{ name }}", context='{"name": "<b>"}')
    assert "<strong>2</strong>" in part and "UCS-2" in part and "U+0142" in part
    assert 'Zażó<mark title="not in GSM-7">ł</mark>ć ł &lt;b&gt;' in part
    book.preview = {"sms_segments": 1}
    assert "GSM-7" in await preview(visitor, channel="SMS")


async def test_whatsapp_tells_what_is_sent_in_the_texts_place(visitor):
    fields = {"whatsapp-content_sid": "HX" + "0" * 32, "whatsapp-content_variables-key": "1"}
    part = await preview(visitor, channel="WHATSAPP", **fields, **{"whatsapp-content_variables-value": "Ann"})
    assert "HX000" in part and "The text is not sent" in part


async def test_warnings_and_words_that_a_language_lacks_are_told(visitor, book):
    book.preview = {"missing_strings": ["hello", "bye"], "warnings": ["HTML_CLIPPED: the HTML takes 110,000 bytes"]}
    part = await preview(visitor)
    assert "<strong>HTML_CLIPPED</strong> the HTML takes" in part
    assert "en lacks hello, bye" in part


async def test_a_mails_headers_are_shown(visitor):
    fields = {"email-preheader": "Look <here>", "email-reply_to": "help@example.com"}
    part = await preview(visitor, **fields, **{"email-headers-key": "X-Kind", "email-headers-value": "order"})
    assert "Look &lt;here&gt;" in part and "help@example.com" in part and "X-Kind" in part
