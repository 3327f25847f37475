"""The console in a real browser, in front of the real suite, asks no other host and does what its buttons say."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.suite import Suite
from tests.support.servers import wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

expect = playwright.expect
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    expect.set_options(timeout=15_000)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Any, suite: Suite) -> Iterator[Any]:
    """A page that must neither ask another host nor break the rules of its own headers."""
    here = str(suite.rest.base_url)
    context = browser.new_context(color_scheme=request.param, base_url=here)
    page = context.new_page()
    page.set_default_timeout(15_000)
    elsewhere: list[str] = []
    broken: list[str] = []
    page.on("request", lambda asked: None if asked.url.startswith((here, "data:")) else elsewhere.append(asked.url))
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda said: broken.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert not elsewhere
    assert not broken


def test_the_overview_draws_live_figures(page: Any, suite: Suite) -> None:
    suite.send()
    page.goto("/console")
    page.locator("#live.live").wait_for()
    assert page.locator(".chart canvas").count() == 4
    accepted = page.locator("#accepted")
    expect(accepted).not_to_have_text("–")
    before = accepted.text_content()
    suite.send()
    expect(accepted).not_to_have_text(before)


def test_a_search_narrows_the_list_while_it_is_typed(page: Any, suite: Suite) -> None:
    wanted = f"user_{uuid.uuid4().hex[:8]}"
    suite.send(user_id=wanted)
    suite.send()
    page.goto("/console/notifications")
    page.get_by_label("User or notification id").press_sequentially(wanted)
    expect(page.locator("#found tbody tr")).to_have_count(1)
    expect(page.locator("#found")).to_contain_text(wanted)
    assert f"q={wanted}" in page.url
    page.get_by_role("link", name="…").click()
    page.get_by_role("heading", name="Timeline").wait_for()


def test_a_scheduled_notification_is_cancelled_by_its_button(page: Any, suite: Suite) -> None:
    scheduled = suite.rest.post(
        "/v1/notifications",
        json={
            "user_id": "ann",
            "template_name": "welcome_email",
            "to": "ann@example.com",
            "context": {"name": "Ann"},
            "send_at": "2027-01-01T00:00:00Z",
        },
    ).json()["notification_id"]
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/console/notifications/{scheduled}")
    page.get_by_role("button", name="Cancel").click()
    page.locator(".heading .status.cancelled").wait_for()


def test_dead_letters_are_picked_and_replayed(page: Any, suite: Suite) -> None:
    suite.sandbox.put("/api/faults", json=[{"provider": "smtp", "match": "refused", "action": "status", "value": 550}])
    dead = suite.send(to="refused@example.com").json()["notification_id"]
    wait_until(lambda: suite.status(dead)["status"] == "failed", timeout=30)
    suite.sandbox.put("/api/faults", json=[])
    page.goto("/console/dead-letters")
    page.locator(f"input[value='{dead}']").check()
    page.get_by_role("button", name="Replay selected").click()
    page.get_by_role("status").wait_for()
    wait_until(lambda: suite.status(dead)["status"] == "sent", timeout=30)


def test_a_template_is_previewed_as_it_is_typed_and_saved_as_the_next_version(page: Any, suite: Suite) -> None:
    name = f"hello_{uuid.uuid4().hex[:8]}"
    page.goto("/console/new-template")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("textbox", name="Text", exact=True).press_sequentially("Hello {{ name }}")
    page.get_by_label("Variables, JSON").fill('{"name": "Ann"}')
    page.get_by_text("Hello Ann").wait_for()
    page.get_by_role("button", name="Create").click()
    page.get_by_role("button", name="Save as version 2").wait_for()
    page.get_by_role("textbox", name="Text", exact=True).fill("Good morning {{ name }}")
    page.get_by_role("button", name="Save as version 2").click()
    page.get_by_role("button", name="Save as version 3").wait_for()
    page.get_by_label("Version").select_option("1")
    page.get_by_text("Hello {{ name }}").wait_for()


def test_the_theme_is_switched_and_remembered(page: Any) -> None:
    page.goto("/console/providers")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between light and dark").press("Enter")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


@pytest.mark.parametrize("path", ["", "/notifications", "/dead-letters", "/templates", "/new-template", "/providers"])
def test_no_page_is_wider_than_a_phone(page: Any, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"/console{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
