"""The system's Chromium, driven by Playwright; what needs it is left out where either is missing."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PROGRAM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: Longest wait for anything on a page, ms.
PATIENCE = 15_000

needed = pytest.mark.skipif(
    PROGRAM is None or importlib.util.find_spec("playwright") is None, reason="chromium or playwright is not installed"
)


@contextmanager
def running() -> Iterator[Any]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright  # only installed where these tests are run

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def page_of(browser: Any, base_url: str, **options: Any) -> Iterator[Any]:
    """A page that must neither ask another host nor break the rules of its own headers."""
    context = browser.new_context(base_url=base_url, **options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    elsewhere: list[str] = []
    broken: list[str] = []
    page.on("request", lambda asked: None if asked.url.startswith((base_url, "data:")) else elsewhere.append(asked.url))
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda said: broken.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert not elsewhere, elsewhere
    assert not broken, broken


def expect(what: Any) -> Any:
    """Playwright's assertion on a part of a page, which waits for what it asserts."""
    from playwright.sync_api import expect as playwright_expect

    playwright_expect.set_options(timeout=PATIENCE)
    return playwright_expect(what)
