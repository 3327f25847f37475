"""Links to unsubscribe: an email carries one, or the log and a metric say why it does not."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from services.delivery.config import DeliverySettings
from services.delivery.providers.mail.email_building import build
from services.delivery.providers.mail.mail_addresses import parse_sender
from services.delivery.worker.unsubscribe_links import LONGEST_LINK, MOST_TOLD, UnsubscribeLinks
from shared import unsubscribe
from shared.signing import KeyRing
from shared.unsubscribe import Subscription
from tests.delivery.outgoing import claim, outgoing
from tests.delivery.test_email_building import NOW

KEY = "the-key-that-signs-now"
NEWS = {"user_id": "ada", "category": "news", "unsubscribable": True}


def links(public_url: str = "https://pulse.example", key: str = KEY, missed: Any = lambda _: None) -> UnsubscribeLinks:
    settings = DeliverySettings.load({"PULSE_PUBLIC_URL": public_url, "PULSE_UNSUBSCRIBE_KEY": key})
    return UnsubscribeLinks.from_settings(settings, missed)


@pytest.mark.parametrize(
    ("public_url", "base"),
    [
        ("https://pulse.example", "https://pulse.example"),
        ("https://pulse.example/", "https://pulse.example"),
        ("https://pulse.example:8443/base/", "https://pulse.example:8443/base"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://straße.de/büro", "https://xn--strae-oqa.de/b%C3%BCro"),
    ],
)
@pytest.mark.parametrize("user", ["ada", "u" * 256, "日本語件名折返位置文字壊" * 21, "🎉" * 256, "ä" * 256])
def test_an_email_of_a_category_carries_a_link_whatever_user_and_address(public_url: str, base: str, user: str) -> None:
    link = links(public_url).of(claim(**{**NEWS, "user_id": user}))
    head, _, token = link.rpartition("/unsubscribe/")
    assert head == base
    assert unsubscribe.verify(KeyRing.parse(KEY), token) == Subscription("default", user, "news", "EMAIL")
    content = build(outgoing(unsubscribe_url=link), parse_sender("pulse@example.org"), NOW).content
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode("ascii") in content
    assert max(map(len, content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"category": "", "unsubscribable": False}, "no_category"),
        ({"user_id": "".join(chr(0x10000 + 997 * n) for n in range(256))}, "too_long"),
    ],
)
def test_an_email_without_a_link_is_counted_and_its_template_named_once(more: dict[str, Any], reason: str) -> None:
    missed: list[str] = []
    made = links(missed=missed.append)
    with capture_logs() as logged:
        for template in ("t", "t", "other", "t"):
            assert made.of(claim(**{**NEWS, **more, "template_name": template})) == ""
    assert missed == [reason] * 4
    assert [(one["log_level"], one["template"], one["reason"]) for one in logged] == [
        ("warning", "t", reason),
        ("warning", "other", reason),
    ]
    assert all("hint" in one and "user_id" not in one for one in logged)


CRITICAL = {"unsubscribable": False, "category": "security"}


@pytest.mark.parametrize("more", [CRITICAL, {"channel": "SMS"}, {"channel": "PUSH"}])
def test_what_is_meant_to_have_no_link_is_no_warning(more: dict[str, Any]) -> None:
    missed: list[str] = []
    with capture_logs() as logged:
        assert links(missed=missed.append).of(claim(**{**NEWS, **more})) == ""
        assert links("https://pulse.example", "", missed.append).of(claim(**{**NEWS, "category": ""})) == ""
    assert (missed, logged) == ([], [])


def test_a_key_that_can_sign_nothing_is_told_at_the_start() -> None:
    with capture_logs() as logged:
        assert links("", KEY).of(claim(**NEWS)) == ""
    [warning] = logged
    assert "PULSE_PUBLIC_URL" in warning["hint"]


def test_a_worker_does_not_remember_templates_without_end() -> None:
    made = links()
    with capture_logs() as logged:
        for number in range(MOST_TOLD + 5):
            made.of(claim(template_name=str(number)))
    assert len(logged) == MOST_TOLD


def test_the_longest_link_fits_its_line() -> None:
    link = "https://" + "x" * (LONGEST_LINK - 8)
    content = build(outgoing(unsubscribe_url=link), parse_sender("pulse@example.org"), NOW).content
    assert max(map(len, content.split(b"\r\n"))) == 998
