"""Senders are listed, registered, changed and forgotten; what is wrong with one is told at its field."""

from __future__ import annotations

import pytest

from pulse.common.v1 import enums_pb2, sender_pb2
from tests.console.book import Book

SHOP = {"name": "shop", "channel": "EMAIL", "address": "shop@example.com", "display_name": "The Shop"}


@pytest.fixture
def shop(book: Book) -> sender_pb2.Sender:
    made = sender_pb2.Sender(**{**SHOP, "channel": enums_pb2.EMAIL}, is_default=True, reply_to="help@example.com")
    book.senders["shop"] = made
    return made


async def test_they_are_listed(visitor, shop):
    page = (await visitor.get("/console/senders")).text
    for words in ("shop@example.com", "The Shop", "help@example.com", "default", "EMAIL"):
        assert words in page


async def test_one_is_registered(visitor, book: Book):
    saved = await visitor.submit("/console/senders", {**SHOP, "is_default": "yes"})
    assert saved.headers["location"] == "/console/senders"
    asked = book.asked("CreateSenderRequest").sender
    assert (asked.channel, asked.address, asked.is_default) == (enums_pb2.EMAIL, "shop@example.com", True)


async def test_one_is_changed_from_what_it_was(visitor, book: Book, shop):
    form = (await visitor.get("/console/senders", params={"name": "shop"})).text
    assert 'value="help@example.com"' in form and "Change shop" in form
    await visitor.submit("/console/senders", {**SHOP, "existing": "yes", "address": "new@example.com"})
    asked = book.asked("UpdateSenderRequest").sender
    assert (asked.address, asked.is_default) == ("new@example.com", False)


async def test_what_is_wrong_is_told_at_its_field_and_stays_as_typed(visitor, book: Book):
    page = await visitor.submit("/console/senders", {**SHOP, "address": "none<>"})
    assert page.status_code == 400
    assert 'id="fault-address" role="alert">is no address<' in page.text
    assert 'value="none&lt;&gt;"' in page.text and 'value="The Shop"' in page.text


async def test_one_is_forgotten_unless_templates_name_it(visitor, book: Book, shop):
    await visitor.submit("/console/senders/delete", {"name": "shop"})
    assert not book.senders
    page = await visitor.submit("/console/senders/delete", {"name": "in_use"})
    assert page.status_code == 409 and "SENDER_IN_USE" in page.text


async def test_one_that_is_gone_by_now_is_told(visitor):
    page = await visitor.get("/console/senders", params={"name": "gone"})
    assert page.status_code == 404 and "SENDER_NOT_FOUND" in page.text


async def test_a_channel_that_there_is_not_is_no_form_of_ours(visitor, book: Book):
    assert (await visitor.submit("/console/senders", {**SHOP, "channel": "FAX"})).status_code == 400
    assert not book.senders
