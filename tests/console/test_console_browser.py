"""The console in a real browser, in front of the real suite, asks no other host and does what its buttons say."""

from __future__ import annotations

import uuid
from typing import Any

from proof.waiting import wait_until
from tests.console import chromium
from tests.e2e.suite import Suite

pytestmark = chromium.needed


def test_the_overview_draws_live_figures(page: Any, suite: Suite) -> None:
    suite.send()
    page.goto("/console")
    page.locator("#live.live").wait_for()
    assert page.locator(".chart canvas").count() == 4
    accepted = page.locator("#accepted")
    chromium.expect(accepted).not_to_have_text("–")
    before = accepted.text_content()
    suite.send()
    chromium.expect(accepted).not_to_have_text(before)


def test_a_search_narrows_the_list_while_it_is_typed(page: Any, suite: Suite) -> None:
    wanted = f"user_{uuid.uuid4().hex[:8]}"
    suite.send(user_id=wanted)
    suite.send()
    page.goto("/console/notifications")
    page.get_by_label("User or notification id").press_sequentially(wanted)
    chromium.expect(page.locator("#found tbody tr")).to_have_count(1)
    chromium.expect(page.locator("#found")).to_contain_text(wanted)
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
