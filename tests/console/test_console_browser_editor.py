"""The template editor in a real browser: nothing typed is lost, and a preview neither runs nor fetches anything."""

from __future__ import annotations

import http.server
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from proof.waiting import wait_until
from tests.console import chromium
from tests.e2e.suite import Suite

pytestmark = chromium.needed


class Pictures(http.server.BaseHTTPRequestHandler):
    """A server of pictures somewhere else, which notes what it is asked for."""

    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Referer", "")))
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The address of another server, and what it was asked for."""
    asked: list[tuple[str, str]] = []
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Noting", (Pictures,), {"asked": asked}))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}", asked
    served.shutdown()
    served.server_close()


@pytest.fixture
def page(browser: Any, suite: Suite) -> Iterator[Any]:
    """A page of the suite's console; that all looks right in both themes is seen elsewhere."""
    with chromium.page_of(browser, str(suite.rest.base_url)) as page:
        yield page


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def plain(request: pytest.FixtureRequest, browser: Any, suite: Suite) -> Iterator[Any]:
    """A page with and without scripts."""
    with chromium.page_of(browser, str(suite.rest.base_url), java_script_enabled=request.param) as page:
        yield page


@pytest.fixture
def loose(browser: Any, suite: Suite) -> Iterator[Any]:
    """A page that may show what comes from elsewhere; its headers' rules are seen to by the other server's notes."""
    context = browser.new_context(base_url=str(suite.rest.base_url))
    page = context.new_page()
    page.set_default_timeout(chromium.PATIENCE)
    yield page
    context.close()


def stored(suite: Suite, **content: Any) -> str:
    """A template with one content; its name."""
    name = f"edited_{uuid.uuid4().hex[:8]}"
    body = {"name": name, "channel": "EMAIL", "contents": [{"subject": "Hi", "body": "Hello {{ name }}", **content}]}
    suite.rest.post("/v1/templates", json=body).raise_for_status()
    return name


def test_what_is_refused_is_shown_at_its_field_and_saved_once_it_is_mended(page: Any, suite: Suite) -> None:
    name = stored(suite)
    page.goto(f"/console/templates/{name}")
    page.get_by_text("Push", exact=True).click()
    page.get_by_label("Link").fill("javascript:alert(1)")
    page.get_by_label("Data: name").fill("order")
    page.get_by_label("Data: value").fill("7")
    page.get_by_role("button", name="Another row of data").click()
    page.get_by_label("Data: name").nth(1).fill("kind")
    page.get_by_role("button", name="Save as version 2").click()
    chromium.expect(page.locator("#fault-text-0-push-link")).to_be_visible()
    chromium.expect(page.get_by_label("Link")).to_be_focused()
    chromium.expect(page.get_by_label("Data: value").first).to_have_value("7")
    page.get_by_label("Link").fill("app://orders/7")
    page.get_by_role("button", name="Save as version 2").click()
    page.get_by_role("button", name="Save as version 3").wait_for()
    kept = suite.rest.get(f"/v1/templates/{name}").json()["contents"][0]["push"]
    assert (kept["link"], kept["data"]) == ("app://orders/7", {"order": "7", "kind": ""})


def test_what_two_people_edit_is_saved_over_knowingly_or_not_at_all(page: Any, suite: Suite) -> None:
    name = stored(suite)
    page.goto(f"/console/templates/{name}")
    page.get_by_role("textbox", name="Text", exact=True).fill("Mine {{ name }}")
    other = {"channel": "EMAIL", "contents": [{"subject": "Hi", "body": "Theirs"}]}
    suite.rest.put(f"/v1/templates/{name}", json=other).raise_for_status()
    page.get_by_role("button", name="Save as version 2").click()
    page.get_by_text("TEMPLATE_CHANGED").wait_for()
    chromium.expect(page.get_by_role("textbox", name="Text", exact=True)).to_have_value("Mine {{ name }}")
    page.get_by_role("button", name="Save as version 3").click()
    page.get_by_role("button", name="Save as version 4").wait_for()
    assert suite.rest.get(f"/v1/templates/{name}").json()["contents"][0]["body"] == "Mine {{ name }}"


def test_what_was_typed_comes_back_after_a_login_that_was_over(page: Any, suite: Suite) -> None:
    address = f"/console/templates/{stored(suite)}"
    page.goto(address)
    page.get_by_role("textbox", name="Text", exact=True).fill("An hour's work")
    page.route("**/console/templates/*", lambda route: route.fulfill(status=303, headers={"location": "/console"}))
    page.get_by_role("button", name="Save as version 2").click()
    page.locator("#live").wait_for()
    page.unroute("**/console/templates/*")
    page.goto(address)
    page.get_by_role("button", name="Bring it back").click()
    chromium.expect(page.get_by_role("textbox", name="Text", exact=True)).to_have_value("An hour's work")
    page.get_by_role("button", name="Save as version 2").click()
    page.get_by_role("button", name="Save as version 3").wait_for()
    chromium.expect(page.get_by_role("button", name="Bring it back")).to_have_count(0)


def test_variables_that_a_text_asks_for_are_added_by_a_button(plain: Any, suite: Suite) -> None:
    plain.goto(f"/console/templates/{stored(suite)}")
    plain.get_by_role("textbox", name="Text", exact=True).fill("{{ name }} {{ order }}")
    _preview(plain)
    plain.get_by_text("NAME ORDER").wait_for()
    plain.get_by_role("button", name="Add to the variables").click()
    chromium.expect(plain.get_by_label("Variables, JSON")).to_have_value('{\n  "name": "NAME",\n  "order": "ORDER"\n}')


def test_texts_come_and_go(plain: Any) -> None:
    plain.goto("/console/new-template")
    plain.get_by_label("Name", exact=True).fill("n")
    plain.get_by_role("textbox", name="Text", exact=True).fill("first")
    plain.get_by_role("button", name="Add a text").click()
    texts = plain.get_by_role("textbox", name="Text", exact=True)
    chromium.expect(texts).to_have_count(2)
    texts.nth(1).fill("second")
    plain.get_by_role("button", name="Remove this text").first.click()
    chromium.expect(texts).to_have_count(1)
    chromium.expect(texts).to_have_value("second")


def test_a_mail_runs_nothing_and_fetches_pictures_only_when_one_asks_for_them(
    loose: Any, suite: Suite, elsewhere: tuple[str, list[tuple[str, str]]]
) -> None:
    address, asked = elsewhere
    hostile = (
        f'<img src="{address}/picture"><script>document.title = "ran"</script>'
        f'<link rel="stylesheet" href="{address}/s"><iframe src="{address}/f"></iframe>'
        f'<p style="background: url({address}/ground)" onclick="x()">{{{{ name }}}}</p>'
        f'<meta http-equiv="refresh" content="0; url={address}/away">'
        f'<form action="{address}/form"><button>Go</button></form>'
    )
    loose.goto(f"/console/templates/{stored(suite, html_body=hostile)}")
    frame = loose.frame_locator("iframe[name=shown]")
    frame.get_by_text("NAME").wait_for()
    frame.get_by_role("button", name="Go").press("Enter")
    assert asked == []
    loose.get_by_role("button", name="Show pictures").click()
    wait_until(lambda: {path for path, _ in asked} >= {"/picture", "/ground"}, timeout=20)
    frame.get_by_text("NAME").wait_for()
    assert {path for path, _ in asked} == {"/picture", "/ground"}, "pictures and nothing else"
    assert {referrer for _, referrer in asked} == {""}
    assert frame.locator("html").evaluate("() => document.title") == ""


def test_a_mail_is_seen_at_a_desks_and_a_phones_width_light_and_dark(page: Any, suite: Suite) -> None:
    dark = "@media (prefers-color-scheme: dark) {p {color: rgb(2, 2, 2) !important}}"
    style = f"<style>p {{color: rgb(1, 1, 1)}} {dark}</style>"
    page.goto(f"/console/templates/{stored(suite, html_body=style + '<p>{{ name }}</p>')}")
    shown = page.frame_locator("iframe[name=shown]").get_by_text("NAME")
    shown.wait_for()
    assert 600 <= shown.evaluate("innerWidth") <= 800
    chromium.expect(shown).to_have_css("color", "rgb(1, 1, 1)")
    page.get_by_role("radio", name="Phone").press("Space")
    page.get_by_role("radio", name="Dark").press("Space")
    chromium.expect(shown).to_have_css("color", "rgb(2, 2, 2)")
    wait_until(lambda: 370 <= shown.evaluate("innerWidth") <= 380, timeout=10)


def test_a_push_is_cut_as_devices_cut_it(page: Any, suite: Suite) -> None:
    long = {"subject": "A title " * 20, "body": "A text that goes on. " * 40, "channel": "PUSH"}
    page.goto(f"/console/templates/{stored(suite)}")
    page.locator("#text-0-subject").fill(long["subject"])
    page.get_by_role("textbox", name="Text", exact=True).fill(long["body"])
    page.locator("[name=preview_channel]").select_option("PUSH")
    cards = page.frame_locator("iframe[name=shown]")
    lines = "one => Math.round(one.clientHeight / parseFloat(getComputedStyle(one).lineHeight))"
    android, iphone = cards.locator(".android .card").first, cards.locator(".ios .card").first
    assert [android.locator(part).evaluate(lines) for part in (".title", ".body")] == [1, 1]
    assert [iphone.locator(part).evaluate(lines) for part in (".title", ".body")] == [1, 4]
    assert cards.locator(".android .open .body").evaluate(lines) == 10


def test_an_sms_shows_the_character_that_made_it_dear(page: Any, suite: Suite) -> None:
    page.goto(f"/console/templates/{stored(suite)}")
    page.get_by_role("textbox", name="Text", exact=True).fill("Za\u017c\u00f3\u0142\u0107 " * 20)
    page.locator("[name=preview_channel]").select_option("SMS")
    chromium.expect(page.locator(".bubble mark")).to_have_text("\u017c")
    chromium.expect(page.locator("#preview")).to_contain_text("U+017C")


def _preview(page: Any) -> None:
    """Without scripts one asks for it."""
    button = page.get_by_role("button", name="Preview")
    if button.count():
        button.click()
