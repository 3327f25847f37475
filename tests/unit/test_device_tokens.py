"""What the tokens of each kind of device look like."""

from __future__ import annotations

import json

import pytest

from shared.channel.device_tokens import Subscription, is_apns_token, leads_outside, read_subscription
from tests.delivery.recipients import APNS_TOKEN, browser


@pytest.mark.parametrize("token", [APNS_TOKEN, APNS_TOKEN.upper(), "0" * 200])
def test_a_token_of_apple_s_is_hexadecimal(token: str) -> None:
    assert is_apns_token(token)


@pytest.mark.parametrize("token", ["", "0" * 63, "0" * 65, "0" * 202, "g" * 64, f"{APNS_TOKEN}\n", "０" * 64])
def test_all_else_is_none(token: str) -> None:
    assert not is_apns_token(token)


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://push.example.com/x?y=z", "https://push.example.com"),
        ("https://PUSH.example.com:443/x", "https://push.example.com"),
        ("https://push.example.com:8443", "https://push.example.com:8443"),
        ("http://127.0.0.1:8025/webpush/ada", "http://127.0.0.1:8025"),
        ("https://[2606:4700::1]:444/x", "https://[2606:4700::1]:444"),
    ],
)
def test_an_origin_is_what_a_token_for_a_push_service_is_for(endpoint: str, origin: str) -> None:
    assert Subscription(endpoint, b"", b"").origin == origin


@pytest.mark.parametrize(
    ("endpoint", "outside"),
    [
        ("https://push.example.com/x", True),
        ("https://1.1.1.1/x", True),
        ("https://[2606:4700:4700::1111]/x", True),
        ("http://push.example.com/x", False),
        ("https://localhost/x", False),
        ("https://push.localhost./x", False),
        ("https://192.168.0.1/x", False),
        ("https://[fd00::1]/x", False),
    ],
)
def test_where_it_leads_is_seen_as_far_as_its_text_tells(endpoint: str, outside: bool) -> None:
    given = json.loads(browser("https://push.example.com"))
    assert leads_outside(read_subscription(json.dumps({**given, "endpoint": endpoint}))) is outside


@pytest.mark.parametrize(
    "text", ["secret", '{"endpoint": "secret"}', '{"endpoint": "secret", "keys": {"auth": "secret"}}']
)
def test_a_refusal_quotes_nothing(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_subscription(text)
    assert "secret" not in str(caught.value)
