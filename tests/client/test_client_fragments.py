"""Fragments by both clients: every method carries all it is given, and reads all it gets."""

from __future__ import annotations

import datetime as dt

from pulse.common.v1 import template_pb2
from pulse_client import AsyncClient, Channel, Client, Fragment, FragmentContent, FragmentPin, FragmentUse, read
from tests.client.fake_gateway import FakeGateway

CONTENTS = (FragmentContent("Bye"), FragmentContent("<p>Tschüs", Channel.EMAIL, "de"))
FOOTER = Fragment("footer", CONTENTS)
KEPT = Fragment(
    "footer",
    CONTENTS,
    version=1,
    update_time=dt.datetime.fromtimestamp(1_700_000_000, dt.UTC),
    fragments=("address",),
    used_by=(FragmentUse("hello", 3, 1),),
)


def test_fragments_go_and_come_whole(client: Client, gateway: FakeGateway) -> None:
    assert client.create_fragment(FOOTER) == KEPT == client.get_fragment("footer")
    client.create_fragment(Fragment("base", CONTENTS))
    assert [one.name for one in client.list_fragments()] == ["base", "footer"]
    assert client.update_fragment(KEPT, apply_to_templates=True).version == 2
    asked = gateway.fragments.requests[-1]
    assert (asked.apply_to_templates, asked.fragment.version, list(asked.fragment.used_by)) == (True, 0, [])
    client.delete_fragment("base")
    assert list(gateway.fragments.kept) == ["footer"]


async def test_the_asyncio_client_does_the_same(gateway: FakeGateway) -> None:
    async with AsyncClient(gateway.address) as client:
        assert await client.create_fragment(FOOTER) == KEPT
        assert (await client.update_fragment(FOOTER)).version == 2
        assert not gateway.fragments.requests[-1].apply_to_templates
        assert [one.name async for one in client.list_fragments()] == ["footer"]
        assert (await client.get_fragment("footer")).contents == CONTENTS
        await client.delete_fragment("footer")


def test_a_template_tells_the_fragments_that_it_keeps() -> None:
    stored = template_pb2.Template(name="hello", fragments=[{"name": "footer", "version": 3}])
    assert read.template(stored).fragments == (FragmentPin("footer", 3),)
