"""What operators do on the console's pages is done, in a real browser in front of the real suite."""

from __future__ import annotations

import uuid
from typing import Any

from proof.waiting import wait_until
from tests.console import chromium
from tests.e2e.suite import Suite

pytestmark = chromium.needed


def test_dead_letters_are_counted_and_then_replayed_by_filter(page: Any, suite: Suite) -> None:
    dead = [_dead(suite) for _ in range(2)]
    page.goto("/console/dead-letters")
    page.get_by_label("Failure code").fill("554")
    chromium.expect(page.locator("#found")).to_contain_text("Replay all that match")
    page.get_by_label("Replays a second").fill("50")
    page.get_by_role("button", name="Count them first").click()
    chromium.expect(page.locator(".confirm")).to_contain_text("2 dead letters match (failure code: 554)")
    assert {_status(suite, one) for one in dead} == {"FAILED"}
    page.get_by_role("button", name="Replay 2").press("Enter")
    chromium.expect(page.get_by_role("status")).to_contain_text("2 of 2 are on the way again")
    wait_until(lambda: {_status(suite, one) for one in dead} == {"SENT"}, timeout=30)


def test_a_limit_is_set_changed_and_deleted(page: Any) -> None:
    subject = f"hello_{uuid.uuid4().hex[:8]}"
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/console/limits")
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("Amount").fill("0")
    page.get_by_role("button", name="Set").click()
    chromium.expect(page.locator("#fault-amount")).to_contain_text("at least 1")
    assert page.evaluate("document.activeElement.name") == "amount"
    page.get_by_label("Amount").fill("7")
    page.get_by_role("button", name="Set").click()
    row = page.locator("#found tr", has_text=subject)
    chromium.expect(row).to_contain_text("7 in 1 minute")
    row.get_by_role("link", name="Change").click()
    page.get_by_label("Amount").fill("8")
    page.get_by_role("button", name="Set").click()
    chromium.expect(row).to_contain_text("8 in 1 minute")
    row.get_by_role("button", name="Delete").click()
    chromium.expect(row).to_have_count(0)


def test_the_form_of_limits_says_what_a_kind_means(page: Any) -> None:
    page.goto("/console/limits")
    page.get_by_label("Kind").select_option("PROVIDER")
    chromium.expect(page.locator("#kind-hint")).to_contain_text("Calls to a provider by all tenants")


def test_a_breaker_is_forced_open_and_left_to_failures_again(page: Any) -> None:
    page.goto("/console/providers")
    row = page.locator("#found tr", has_text="fcm")
    row.get_by_role("button", name="force open").click()
    chromium.expect(row.get_by_role("button", name="force open")).to_have_attribute("aria-pressed", "true")
    row.get_by_role("button", name="automatic").click()
    chromium.expect(row.get_by_role("button", name="automatic")).to_have_attribute("aria-pressed", "true")


def test_what_waits_for_a_paused_channel_goes_on_when_it_is_resumed(page: Any, suite: Suite) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/console/providers")
    page.get_by_role("button", name="Pause SMS").click()
    resume = page.get_by_role("button", name="Resume SMS")
    resume.wait_for()
    waits = suite.send(channel="sms", to="+15551239999").json()["notification_id"]
    page.goto(f"/console/notifications/{waits}")
    chromium.expect(page.locator(".timeline")).to_contain_text("pause")
    page.goto("/console/providers")
    resume.click()
    page.get_by_role("button", name="Pause SMS").wait_for()
    wait_until(lambda: _status(suite, waits) in {"SENT", "DELIVERED", "UNDELIVERED"}, timeout=30)


def test_a_suppression_is_lifted(page: Any, suite: Suite) -> None:
    user = f"user_{uuid.uuid4().hex[:8]}"
    suite.rest.post(f"/v1/recipients/{user}/suppressions", json={"channel": "EMAIL"}).raise_for_status()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/console/recipients")
    page.get_by_label("User").fill(user)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Lift the manual suppression").click()
    page.get_by_text("Nothing is suppressed").wait_for()


def test_a_template_is_previewed_in_each_of_its_languages(page: Any) -> None:
    page.goto("/console/new-template")
    page.get_by_role("textbox", name="Text", exact=True).fill("Hello {{ name }}")
    page.get_by_role("button", name="Add a text").click()
    second = page.locator("#texts .text").nth(1)
    second.get_by_label("Locale").fill("de")
    second.get_by_role("textbox", name="Text", exact=True).fill("Hallo {{ name }}")
    page.get_by_label("Variables, JSON").fill('{"name": "Ann"}')
    page.get_by_text("Hello Ann").wait_for()
    page.get_by_role("button", name="de", exact=True).press("Enter")
    page.get_by_text("Hallo Ann").wait_for()
    chromium.expect(page.get_by_role("button", name="de", exact=True)).to_be_focused()


def _dead(suite: Suite) -> str:
    """A notification that a mail server refused with a code that no other test knows."""
    fault = {"provider": "smtp", "match": "full.example", "action": "status", "value": 554}
    suite.sandbox.put("/api/faults", json=[fault])
    sent = str(suite.send(to=f"{uuid.uuid4().hex[:8]}@full.example.com").json()["notification_id"])
    wait_until(lambda: _status(suite, sent) == "FAILED", timeout=30)
    suite.sandbox.put("/api/faults", json=[])
    return sent


def _status(suite: Suite, notification_id: str) -> str:
    return str(suite.rest.get(f"/v1/notifications/{notification_id}").json()["status"])
