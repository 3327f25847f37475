"""A console in front of a fake gateway, and a browser's view of it without a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from services.console.config import ConsoleSettings
from services.console.server import Console
from tests.console import chromium
from tests.console.book import Book
from tests.console.fake_gateway import FakeGateway
from tests.console.story import Story, tell
from tests.e2e.suite import Suite, running


class Visitor(httpx.AsyncClient):
    """Keeps cookies, and posts forms with the token of the page they stand on."""

    async def submit(self, path: str, fields: dict[str, object], page: str = "/console/new-template") -> httpx.Response:
        shown = await self.get(page)
        token = re.search(r'name="form_token" value="(\w+)"', shown.text)
        assert token, shown.text
        return await self.post(path, data={"form_token": token[1], **fields})


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def gateway(book: Book) -> AsyncIterator[FakeGateway]:
    served = FakeGateway(book)
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def visit(gateway: FakeGateway) -> AsyncIterator[Callable[..., Awaitable[Visitor]]]:
    """Starts a console with these settings on top, and gives a visitor to it."""
    async with AsyncExitStack() as stack:

        async def start(**settings: str) -> Visitor:
            address = f"127.0.0.1:{gateway.port}"
            given = {"GATEWAY_ADDRESS": address, "CONSOLE_PORT": "0", **settings}
            console = Console(ConsoleSettings.load({f"PULSE_{key}": value for key, value in given.items()}))
            await console.start()
            stack.push_async_callback(console.stop)
            return await stack.enter_async_context(Visitor(base_url=f"http://127.0.0.1:{console.port}", timeout=20))

        yield start


@pytest.fixture
async def visitor(visit: Callable[..., Awaitable[Visitor]]) -> Visitor:
    """A visitor to a console that needs no login."""
    return await visit()


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """Everything, as `make up` starts it, with providers that send receipts."""
    with running(tmp_path_factory.mktemp("suite"), PULSE_SANDBOX_CALLBACKS="on") as started:
        yield started


@pytest.fixture(scope="session")
def story(suite: Suite) -> Story:
    """Something of everything, to be looked at and left alone."""
    return tell(suite)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium.running() as started:
        yield started


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any, suite: Suite) -> Iterator[Any]:
    """A page of the suite's console, in either theme."""
    with chromium.page_of(browser, str(suite.rest.base_url), color_scheme=request.param) as page:
        yield page
