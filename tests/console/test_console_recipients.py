"""A recipient's preferences, suppressions and devices are shown, and suppressions lifted."""

from __future__ import annotations

import pytest

from pulse.common.v1 import enums_pb2, recipient_pb2

PAGE = "/console/recipients"
SUPPRESSION = "01a20422-eb7d-7700-b196-63fac5a43a6e"


@pytest.fixture
def ann(book):
    """Wants no news by email, bounced once, and has a phone."""
    book.preferences = recipient_pb2.Preferences(
        user_id="ann", time_zone="Europe/Berlin", quiet_from="22:00", quiet_until="07:00"
    )
    book.preferences.choices.add(category="news", channel=enums_pb2.EMAIL, enabled=False)
    book.preferences.update_time.GetCurrentTime()
    book.suppressions[SUPPRESSION] = recipient_pb2.Suppression(
        suppression_id=SUPPRESSION,
        user_id="ann",
        channel=enums_pb2.EMAIL,
        address="ann@example.com",
        reason=recipient_pb2.Suppression.BOUNCE,
    )
    book.devices.append(recipient_pb2.DeviceToken(user_id="ann", token="t" * 80, label="Pixel 9"))


async def test_all_that_is_known_of_a_user_is_on_one_page(visitor, ann):
    page = (await visitor.get(PAGE, params={"user_id": "ann"})).text
    for shown in ("22:00 to 07:00", "Europe/Berlin", "not wanted", "bounce", "ann@example.com", "Pixel 9"):
        assert shown in page


async def test_a_user_of_whom_nothing_is_known_has_a_page_that_says_so(visitor, ann):
    page = (await visitor.get(PAGE, params={"user_id": "nobody"})).text
    for shown in ("Nobody set any", "Nothing is suppressed", "No device is registered"):
        assert shown in page


async def test_without_a_user_there_is_only_the_search(visitor, book):
    page = await visitor.get(PAGE)
    assert page.status_code == 200
    assert not book.requests


async def test_a_suppression_is_lifted(visitor, book, ann):
    fields = {"user_id": "ann", "suppression_id": SUPPRESSION}
    answer = await visitor.submit(f"{PAGE}/lift", fields)
    assert answer.headers["location"] == f"{PAGE}?user_id=ann"
    assert not book.suppressions
    again = await visitor.submit(f"{PAGE}/lift", fields)
    assert again.status_code == 404
    assert "SUPPRESSION_NOT_FOUND" in again.text
