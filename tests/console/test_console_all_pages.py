"""Every page of the console in a real browser: in both themes, at phone width, by keyboard; and a picture of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from services.local.home import checkout
from tests.console import chromium
from tests.console.story import NEWS, Story
from tests.e2e.suite import Suite

pytestmark = chromium.needed

#: Ignored by git; docs/images has a few of them.
PICTURES = checkout() / ".pulse" / "screenshots"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
#: Every page by its picture's name: its address, and what stands on it once it is all there.
PAGES: Mapping[str, tuple[Callable[[Story], str], str]] = {
    "overview": (lambda _story: "", "#providers tbody tr"),
    "notifications": (lambda _story: "/notifications", "#found tbody tr"),
    "fallback": (lambda story: f"/notifications/{story.fallback}", ".fallbacks li"),
    "digest": (lambda story: f"/notifications/{story.collapsed}", ".hinted a"),
    "suppressed": (lambda story: f"/notifications/{story.suppressed}", ".timeline li"),
    "dead-letters": (lambda _story: "/dead-letters", "#found tbody tr"),
    "recipient": (lambda _story: "/recipients?user_id=hedy", "table.cards tbody tr"),
    "recipients": (lambda _story: "/recipients", ".empty"),
    "templates": (lambda _story: "/templates", "#found tbody tr"),
    "template": (lambda _story: f"/templates/{NEWS['name']}", "#preview pre"),
    "new-template": (lambda _story: "/new-template", "#texts .text"),
    "new-fragment": (lambda _story: "/new-fragment", "#texts .text"),
    "destinations": (lambda _story: "/destinations", "#set"),
    "senders": (lambda _story: "/senders", ".empty"),
    "providers": (lambda _story: "/providers", "#found tbody tr"),
    "limits": (lambda _story: "/limits", "#found tbody tr"),
}
#: Of radio buttons one is a stop; arrows lead to the others.
_INTERACTIVE = (
    "a[href], button:enabled, input:enabled:not([type=hidden], [type=radio]:not(:checked)), select, textarea, summary"
)
#: What can be worked with, is seen, and was not reached yet.
_UNREACHED = f"""[...document.querySelectorAll("{_INTERACTIVE}")]
    .filter((one) => one.checkVisibility() && !one.dataset.reached)
    .map((one) => one.outerHTML.slice(0, 120))"""
#: Notes what has the focus; tells it, if that cannot be seen.
_REACH = """() => {
    const one = document.activeElement;
    one.dataset.reached = "yes";
    const isSeen = one.matches("body, iframe") || getComputedStyle(one).outlineStyle !== "none";
    return isSeen ? null : one.outerHTML;
}"""
#: More stops than any page has.
_MOST_STOPS = 400


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def sight(request: pytest.FixtureRequest, page: Any) -> Iterator[Any]:
    """A page of either size."""
    page.set_viewport_size(request.param)
    yield page


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_screen_and_has_its_picture_taken(sight: Any, story: Story, name: str) -> None:
    _open(sight, story, name)
    wide = sight.viewport_size["width"]
    assert sight.evaluate("document.documentElement.scrollWidth") <= wide
    assert sight.locator("h1").count() == 1
    theme = "dark" if sight.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    PICTURES.mkdir(parents=True, exist_ok=True)
    sight.screenshot(path=PICTURES / f"{name}-{theme}-{wide}.png", full_page=wide == PHONE["width"])


@pytest.mark.parametrize("name", PAGES)
def test_all_of_a_page_is_reached_by_the_keyboard_and_seen_to_be(
    browser: Any, suite: Suite, story: Story, name: str
) -> None:
    with chromium.page_of(browser, str(suite.rest.base_url), viewport=DESK) as page:
        _open(page, story, name)
        for _ in range(_MOST_STOPS):
            assert page.evaluate(_REACH) is None
            if not page.evaluate(_UNREACHED):
                break
            page.keyboard.press("Tab")
        assert page.evaluate(_UNREACHED) == []


def test_the_first_stop_leads_past_the_menu(page: Any) -> None:
    page.goto("/console/limits")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def _open(page: Any, story: Story, name: str) -> None:
    address, settled = PAGES[name]
    page.goto(f"/console{address(story)}")
    page.locator(settled).first.wait_for()
