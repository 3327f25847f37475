"""Fragments are listed, read at any version, edited with nothing lost, and tell which templates take them in."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, fragment_pb2
from tests.console.book import Book
from tests.console.posted import fields_of

FORM: dict[str, Any] = {"name": "footer", "text": "0", "text-0-body": "{{ name }}, <b>bye</b>\n"}


@pytest.fixture
def footer(book: Book) -> list[fragment_pb2.Fragment]:
    """A fragment in two versions, which a template takes in."""
    versions = []
    for version in (1, 2):
        made = fragment_pb2.Fragment(name="footer", version=version, fragments=["address"])
        made.contents.add(body=f"\nText of version {version}")
        made.contents.add(channel=enums_pb2.SMS, locale="de", body="Kurz")
        made.used_by.add(template_name="order_shipped", template_version=3, fragment_version=1)
        versions.append(made)
    book.fragments["footer"] = versions
    return versions


async def test_they_are_listed(visitor, footer):
    page = (await visitor.get("/console/fragments")).text
    assert 'href="/console/fragments/footer"' in page and "address" in page


async def test_any_version_is_read_and_who_takes_it_in_is_told(visitor, footer):
    page = (await visitor.get("/console/fragments/footer")).text
    assert "Text of version 2" in page and "Save as version 3" in page
    assert 'href="/console/templates/order_shipped"' in page and "version 3 keeps version 1 of it" in page
    assert "Text of version 1" in (await visitor.get("/console/fragments/footer", params={"version": "1"})).text


async def test_one_that_is_saved_as_it_is_shown_is_the_same(visitor, book: Book, footer):
    fields = fields_of((await visitor.get("/console/fragments/footer")).text)
    saved = await visitor.submit("/console/fragments/footer", fields)
    assert saved.headers["location"] == "/console/fragments/footer"
    assert book.fragments["footer"][-1].contents == footer[1].contents
    assert not book.asked("UpdateFragmentRequest").apply_to_templates


async def test_the_templates_that_take_it_in_get_their_next_version_if_that_is_wanted(visitor, book: Book, footer):
    fields = fields_of((await visitor.get("/console/fragments/footer")).text)
    await visitor.submit("/console/fragments/footer", {**fields, "apply": "yes"})
    assert book.asked("UpdateFragmentRequest").apply_to_templates


async def test_one_is_made(visitor, book: Book):
    more = {"text": ["0", "5"], "text-5-body": "x", "text-5-channel": "EMAIL", "text-5-locale": "fr"}
    await visitor.submit("/console/fragments", {**FORM, **more})
    contents = book.fragments["footer"][0].contents
    assert [(one.body, one.channel, one.locale) for one in contents] == [
        ("{{ name }}, <b>bye</b>\n", 0, ""),
        ("x", enums_pb2.EMAIL, "fr"),
    ]


async def test_what_is_refused_is_told_at_its_field_and_stays(visitor, book: Book):
    fields = {**FORM, "text": ["0", "5"], "text-5-body": "{% bad"}
    page = await visitor.submit("/console/fragments", fields)
    assert page.status_code == 400
    assert 'id="fault-text-5-body" role="alert">is not valid Liquid<' in page.text
    assert fields_of(page.text)["text-0-body"] == ["{{ name }}, <b>bye</b>\n"]


async def test_who_comes_second_is_told_and_nothing_is_lost(visitor, book: Book, footer):
    page = await visitor.submit("/console/fragments/footer", {**FORM, "base_version": "1"})
    assert page.status_code == 409 and "FRAGMENT_CHANGED" in page.text
    assert len(book.fragments["footer"]) == 2
    again = fields_of(page.text)
    assert (again["base_version"], again["text-0-body"]) == (["2"], ["{{ name }}, <b>bye</b>\n"])
    assert (await visitor.submit("/console/fragments/footer", again)).status_code == 303


async def test_without_scripts_texts_come_and_go(visitor):
    more = fields_of((await visitor.submit("/console/fragment-editor", {**FORM, "add": "text"})).text)
    assert more["text"] == ["0", "1"]
    fewer = fields_of((await visitor.submit("/console/fragment-editor", {**more, "remove": "0"})).text)
    assert fewer["text"] == ["1"]


async def test_one_that_is_used_is_not_taken_out_of_use(visitor, book: Book, footer):
    page = await visitor.submit("/console/fragments/footer/delete", {})
    assert page.status_code == 409 and "FRAGMENT_IN_USE" in page.text and "footer" in page.text
    del footer[1].used_by[:]
    await visitor.submit("/console/fragments/footer/delete", {})
    assert not book.fragments


@pytest.mark.parametrize("field", ["unknown", "text-0-unknown"])
async def test_what_was_not_carried_along_as_it_was_is_refused(visitor, book: Book, field: str):
    assert (await visitor.submit("/console/fragments", {**FORM, field: "%"})).status_code == 400
    assert not book.fragments
