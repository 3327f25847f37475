"""A tenant that has much HTML made ready keeps no other waiting."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.mail_html import MailHtml
from services.gateway.sending.places import Places
from services.gateway.sending.taking_in import Owner
from shared.rpc import deadlines
from shared.text.rendering import Text


async def test_programs_run_for_tenants_in_turns() -> None:
    mail_html, ended = MailHtml(HeavyWork()), []

    async def ready(tenant: str) -> None:
        deadlines.start(None, longest=60)
        html = "<style>b {color: red}</style><b>x</b>"
        (made,) = await mail_html.ready([Text("EMAIL", "", "s", "", html)], Owner(tenant, "EMAIL", "", "contents"))
        assert "color: red" in made.woven["html_body"]
        ended.append(tenant)

    await asyncio.gather(*(ready("many") for _ in range(8)), ready("few"))
    assert ended.index("few") < 6


@pytest.fixture
def order() -> list[str]:
    return []


async def use(places: Places, owner: str, order: list[str]) -> None:
    async with places.place(owner):
        order.append(owner)
        await asyncio.sleep(0)


async def test_owners_have_places_by_rotation(order: list[str]) -> None:
    places = Places(1)
    await asyncio.gather(*(use(places, owner, order) for owner in "aaaabbc"))
    assert "".join(order) == "aabcaba"


@pytest.mark.parametrize("when", ["while it waits", "as its turn comes"])
async def test_who_gives_up_leaves_the_place_to_others(order: list[str], when: str) -> None:
    places = Places(1)
    async with places.place("a"):
        waiting = [asyncio.create_task(use(places, owner, order)) for owner in "bc"]
        await asyncio.sleep(0)
        if when == "while it waits":
            waiting[0].cancel()
            await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == ["c"]
    await use(places, "d", order)
    assert order == ["c", "d"]
