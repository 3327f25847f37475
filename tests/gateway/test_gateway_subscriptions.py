"""Subscriptions at the front door: which urls may be named, and which scopes are needed."""

from __future__ import annotations

import pytest

from services.gateway.rules.subscription_rules import check_url
from shared.errors import Code, PulseError
from shared.net.public_addresses import networks


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook",
        "http://example.com:8080/a?b=c",
        "https://EXAMPLE.com",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]/hook",
        "https://xn--bcher-kva.example/",
    ],
)
def test_what_may_lie_in_the_internet_is_taken(url: str) -> None:
    check_url(url, ())


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", "INVALID_URL"),
        ("example.com/hook", "INVALID_URL"),
        ("https://", "INVALID_URL"),
        ("https:///hook", "INVALID_URL"),
        ("https://example.com/#fragment", "INVALID_URL"),
        ("https://example.com/#", "INVALID_URL"),
        ("https://example.com:99999/", "INVALID_URL"),
        ("https://example.com:port/", "INVALID_URL"),
        ("https://[::1/", "INVALID_URL"),
        ("file:///etc/passwd", "INVALID_URL"),
        ("gopher://127.0.0.1/", "INVALID_URL"),
        ("javascript:alert(1)", "INVALID_URL"),
        ("https://user@example.com/", "URL_WITH_LOGIN"),
        ("https://user:secret@example.com/", "URL_WITH_LOGIN"),
        ("https://:secret@example.com/", "URL_WITH_LOGIN"),
        ("http://127.0.0.1/", "PRIVATE_ADDRESS"),
        ("http://localhost:8000/", "PRIVATE_ADDRESS"),
        ("http://a.localhost/", "PRIVATE_ADDRESS"),
        ("http://[::1]/", "PRIVATE_ADDRESS"),
        ("http://[::ffff:10.0.0.1]/", "PRIVATE_ADDRESS"),
        ("http://10.0.0.1/", "PRIVATE_ADDRESS"),
        ("http://192.168.0.1/", "PRIVATE_ADDRESS"),
        ("http://169.254.169.254/latest/meta-data/", "PRIVATE_ADDRESS"),
        ("http://[fd00:ec2::254]/", "PRIVATE_ADDRESS"),
        ("http://2130706433/", "PRIVATE_ADDRESS"),
        ("http://0x7f.1:5432/", "PRIVATE_ADDRESS"),
        ("http://0251.0376.0251.0376/", "PRIVATE_ADDRESS"),
        ("http://0/", "PRIVATE_ADDRESS"),
    ],
)
def test_what_cannot_be_called_is_refused_by_its_reason(url: str, reason: str) -> None:
    with pytest.raises(PulseError) as refused:
        check_url(url, ())
    assert (refused.value.code, refused.value.reason) == (Code.INVALID_ARGUMENT, reason)
    assert refused.value.violations[0].field == "subscription.url"
    assert "secret" not in str(refused.value)


def test_a_network_that_is_allowed_may_be_named() -> None:
    allowed = networks("10.1.0.0/16, 127.0.0.0/8")
    for url in ("http://10.1.2.3/", "http://127.0.0.1/", "http://localhost/"):
        check_url(url, allowed)
    with pytest.raises(PulseError):
        check_url("http://10.2.0.1/", allowed)
