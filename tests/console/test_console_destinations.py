"""Destinations are registered, led elsewhere and taken out of use; their addresses are written and never read again."""

from __future__ import annotations

import pytest

from pulse.common.v1 import destination_pb2
from tests.console.book import Book

SECRET = "slack://T0/B0/very-secret"


@pytest.fixture
def ops(book: Book) -> destination_pb2.Destination:
    made = destination_pb2.Destination(name="ops", kind="slack", host="hooks.slack.com", fingerprint="ab" * 8)
    book.destinations["ops"] = made
    return made


async def test_they_are_listed_without_their_addresses(visitor, ops):
    page = (await visitor.get("/console/destinations")).text
    assert "hooks.slack.com" in page and "abababababababab" in page


async def test_one_is_registered_and_its_address_is_not_shown_again(visitor, book: Book):
    saved = await visitor.submit("/console/destinations", {"name": "ops", "url": SECRET})
    assert saved.headers["location"] == "/console/destinations"
    assert book.asked("CreateDestinationRequest").destination.url == SECRET
    assert SECRET not in (await visitor.get("/console/destinations")).text


async def test_one_is_led_elsewhere(visitor, book: Book, ops):
    form = (await visitor.get("/console/destinations", params={"name": "ops"})).text
    assert "Lead ops there" in form
    await visitor.submit("/console/destinations", {"name": "ops", "url": SECRET, "existing": "yes"})
    assert book.asked("UpdateDestinationRequest").destination.name == "ops"


async def test_what_is_refused_is_told_at_its_field_without_the_address(visitor, book: Book):
    page = await visitor.submit("/console/destinations", {"name": "ops", "url": "http://127.0.0.1/" + SECRET})
    assert page.status_code == 400
    assert 'id="fault-url" role="alert">leads to a private address<' in page.text
    assert 'value="ops"' in page.text and "very-secret" not in page.text
    assert 'type="password" name="url"' in page.text


async def test_one_is_taken_out_of_use(visitor, book: Book, ops):
    await visitor.submit("/console/destinations/delete", {"name": "ops"})
    assert not book.destinations
    page = await visitor.submit("/console/destinations/delete", {"name": "ops"})
    assert page.status_code == 404 and "DESTINATION_NOT_FOUND" in page.text
