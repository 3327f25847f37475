"""How long the gateway remembers templates, and who waits for whom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, template_pb2
from pulse.ledger.v1 import ledger_reader_pb2
from services.gateway.sending.templates import TemplateCatalogue
from shared.errors import PulseError, not_found
from tests.gateway import fakes
from tests.support import eventually


class Reader:
    """The ledger's stub with one method; every look-up waits for its turn."""

    def __init__(self) -> None:
        self.stored: dict[str, template_pb2.Template] = {}
        self.look_ups: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def GetTemplate(self, request: Any, timeout: float) -> ledger_reader_pb2.GetTemplateResponse:
        self.look_ups.append(request.name)
        found = self.stored.get(request.name)
        await self.gate.wait()
        if found is None:
            raise not_found("template", request.name)
        return ledger_reader_pb2.GetTemplateResponse(template=found)

    def store(self, name: str, version: int) -> None:
        self.stored[name] = fakes.template(name, enums_pb2.EMAIL, "x", version=version)


@pytest.fixture
def reader() -> Reader:
    stub = Reader()
    stub.store("news", 1)
    return stub


@pytest.fixture
def time() -> list[float]:
    """The monotonic clock: one number that the test moves."""
    return [100.0]


@pytest.fixture
def catalogue(reader: Reader, time: list[float]) -> TemplateCatalogue:
    return TemplateCatalogue(reader, fresh_seconds=1.0, capacity=2, monotonic=lambda: time[0])  # type: ignore[arg-type]


async def test_the_newest_version_is_asked_for_again_after_a_while(
    catalogue: TemplateCatalogue, reader: Reader, time: list[float]
) -> None:
    assert (await catalogue.newest("t", "news")).stored.version == 1
    reader.store("news", 2)
    time[0] += 0.9
    assert (await catalogue.newest("t", "news")).stored.version == 1
    time[0] += 0.2
    assert (await catalogue.newest("t", "news")).stored.version == 2
    assert reader.look_ups == ["news", "news"]


async def test_a_version_is_compiled_once(catalogue: TemplateCatalogue, time: list[float]) -> None:
    first = await catalogue.newest("t", "news")
    time[0] += 5
    assert await catalogue.newest("t", "news") is first
    assert await catalogue.at_version("t", "news", 1) is first


async def test_tenants_do_not_share_templates(catalogue: TemplateCatalogue, reader: Reader) -> None:
    await catalogue.newest("t", "news")
    await catalogue.newest("other", "news")
    assert len(reader.look_ups) == 2


async def test_no_more_than_the_capacity_is_remembered(catalogue: TemplateCatalogue, reader: Reader) -> None:
    for name in ("a", "b", "c"):
        reader.store(name, 1)
        await catalogue.newest("t", name)
    await catalogue.newest("t", "c")
    assert reader.look_ups == ["a", "b", "c"]
    await catalogue.newest("t", "a")
    assert reader.look_ups == ["a", "b", "c", "a"]


async def test_a_look_up_begun_before_a_change_is_not_remembered(catalogue: TemplateCatalogue, reader: Reader) -> None:
    reader.gate.clear()
    early = asyncio.ensure_future(catalogue.newest("t", "news"))
    await eventually(lambda: reader.look_ups)
    reader.store("news", 2)
    catalogue.forget("t", "news")
    late = asyncio.ensure_future(catalogue.newest("t", "news"))
    reader.gate.set()
    assert [(await early).stored.version, (await late).stored.version] == [1, 2]
    assert (await catalogue.newest("t", "news")).stored.version == 2


async def test_a_deleted_template_is_not_remembered(
    catalogue: TemplateCatalogue, reader: Reader, time: list[float]
) -> None:
    await catalogue.newest("t", "news")
    reader.stored.clear()
    time[0] += 2
    for _ in range(2):
        with pytest.raises(PulseError, match="TEMPLATE_NOT_FOUND"):
            await catalogue.newest("t", "news")
    assert len(reader.look_ups) == 3
