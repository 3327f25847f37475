"""Which calls to the outside go by a proxy, by the environment's words; and that providers really do."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers import registry
from services.delivery.providers.base.outgoing_proxies import proxy_for
from services.delivery.providers.registry import build
from services.delivery.providers.sns.http import SnsHttp, SnsRefusal
from shared.clock import SystemClock
from tests.delivery.conftest import Sandbox
from tests.delivery.outgoing import outgoing, within
from tests.support.http_proxy import CountingProxy

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://api.twilio.com", ""),
        ({"https_proxy": PROXY}, "https://api.twilio.com", PROXY),
        ({"https_proxy": PROXY}, "http://api.twilio.com", ""),
        ({"http_proxy": PROXY}, "http://api.twilio.com", PROXY),
        ({"http_proxy": PROXY}, "https://api.twilio.com", ""),
        ({"all_proxy": PROXY}, "https://api.twilio.com", PROXY),
        ({"all_proxy": PROXY, "https_proxy": "http://other:1"}, "https://api.twilio.com", "http://other:1"),
        ({"all_proxy": PROXY, "https_proxy": ""}, "https://api.twilio.com", ""),
        ({"https_proxy": "proxy.example:3128"}, "https://api.twilio.com", PROXY),
        ({"https_proxy": "https://u:p@proxy.example"}, "https://api.twilio.com", "https://u:p@proxy.example"),
    ],
)
def test_the_scheme_names_the_proxy(environment: dict[str, str], url: str, proxy: str) -> None:
    assert proxy_for(url, environment) == proxy


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8025/x",
        "https://127.8.9.10",
        "http://localhost:8025",
        "http://LOCALHOST.",
        "http://sandbox.localhost",
        "http://[::1]:8025",
        "http://0.0.0.0:1",
    ],
)
def test_this_machine_is_never_reached_by_a_proxy(url: str) -> None:
    assert proxy_for(url, {"http_proxy": PROXY, "https_proxy": PROXY, "all_proxy": "socks5://h:1"}) == ""


@pytest.mark.parametrize(
    ("no_proxy", "url", "spared"),
    [
        ("*", "https://api.twilio.com", True),
        ("example.org,*", "https://api.twilio.com", True),
        ("twilio.com", "https://api.twilio.com", True),
        (".twilio.com", "https://api.twilio.com", True),
        ("*.twilio.com", "https://api.twilio.com", True),
        ("TWILIO.com.", "https://api.twilio.COM", True),
        ("api.twilio.com", "https://api.twilio.com", True),
        ("wilio.com", "https://api.twilio.com", False),
        ("twilio.com", "https://api.twilio.com.evil.example", False),
        ("example.org twilio.com", "https://api.twilio.com", True),
        (" example.org , twilio.com ,", "https://api.twilio.com", True),
        ("", "https://api.twilio.com", False),
        (",", "https://api.twilio.com", False),
        (".", "https://api.twilio.com", False),
        ("twilio.com:443", "https://api.twilio.com", True),
        ("twilio.com:8443", "https://api.twilio.com", False),
        ("twilio.com:8443", "https://api.twilio.com:8443", True),
        ("10.0.0.0/8", "http://10.1.2.3:8080/hook", True),
        ("10.0.0.0/8", "http://11.1.2.3:8080/hook", False),
        ("10.1.2.3", "http://10.1.2.3:8080/hook", True),
        ("10.1.2.3:8080", "http://10.1.2.3:8080/hook", True),
        ("10.1.2.3:80", "http://10.1.2.3:8080/hook", False),
        ("1.2.3", "http://10.1.2.3", False),
        ("10.1.2.3/16", "http://10.1.200.3", True),
        ("fd00::/8", "http://[fd12::1]:8080", True),
        ("[fd12::1]:8080", "http://[fd12::1]:8080", True),
        ("[fd12::1]", "http://[fd12::1]:8080", True),
        ("fd12::1", "http://[fd12::2]", False),
        ("10.0.0.0/8", "http://hook.example", False),
        ("10.0.0.0/99, hook.example", "http://hook.example", True),
    ],
)
def test_no_proxy_spares_names_networks_and_ports(no_proxy: str, url: str, spared: bool) -> None:
    assert (proxy_for(url, {"all_proxy": PROXY, "no_proxy": no_proxy}) == "") == spared


@pytest.mark.parametrize("proxy", ["socks5://h:1080", "socks5h://h:1080", "ftp://h"])
def test_a_proxy_of_another_kind_is_refused_at_start(proxy: str) -> None:
    with pytest.raises(ValueError, match="must begin with http://"):
        proxy_for("https://api.twilio.com", {"all_proxy": proxy})


@pytest.mark.parametrize(("name", "other"), [("https_proxy", "HTTPS_PROXY"), ("HTTPS_PROXY", "https_proxy")])
def test_both_spellings_are_read_and_the_lower_one_counts(
    monkeypatch: pytest.MonkeyPatch, name: str, other: str
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, PROXY)
    assert proxy_for("https://api.twilio.com") == PROXY
    monkeypatch.setenv(other, "http://other:1")
    assert proxy_for("https://api.twilio.com") == (PROXY if name.islower() else "http://other:1")


@pytest.fixture
def by_proxy(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingProxy]:
    """Every program of this machine is told to use it; it leads to the sandbox."""
    with CountingProxy(int(sandbox.http.rpartition(":")[2])) as proxy:
        for name, value in proxy.environment.items():
            monkeypatch.setenv(name, value)
        yield proxy


def settings_of(http: str) -> DeliverySettings:
    """Providers that call ``http`` instead of the outside."""
    values: dict[str, Any] = {
        "twilio_account_sid": "AC1",
        "twilio_auth_token": "token",
        "twilio_from": "+15005550006",
        "twilio_base_url": http,
        "fcm_base_url": http,
        "webhook_url": f"{http}/webhook",
        "webhook_secret": "whsec_" + base64.b64encode(b"a secret of 24 bytes ...").decode(),
        "aws_access_key_id": "AKIA1",
        "aws_secret_access_key": "secret",
        "ses_region": "eu-west-1",
        "ses_from": "pulse@example.org",
        "ses_base_url": http,
        "sns_region": "eu-west-1",
        "sns_base_url": http,
    }
    return DeliverySettings(**values)


TO = {"twilio": "+4915112345678", "sns": "+4915112345678", "fcm": "device-token"}
CHANNEL = {"twilio": "SMS", "sns": "SMS", "fcm": "PUSH"}
PROVIDERS = pytest.mark.parametrize("name", ["twilio", "fcm", "webhook", "ses", "sns"])


async def send(name: str, http: str) -> str:
    provider = build(settings_of(http), SystemClock())[name]
    try:
        given = outgoing(TO.get(name, "ada@example.org"), channel=CHANNEL.get(name, "EMAIL"))
        return (await provider.send(given, within(5))).kind.name
    finally:
        await provider.close()


@PROVIDERS
async def test_providers_of_the_outside_are_reached_by_the_proxy(by_proxy: CountingProxy, name: str) -> None:
    """The name is known to the proxy alone."""
    assert await send(name, "http://look-alike.example") == "SUCCEEDED"
    assert any("http://look-alike.example/" in line for line in by_proxy.asked)


@PROVIDERS
async def test_the_sandbox_on_this_machine_is_not(by_proxy: CountingProxy, sandbox: Sandbox, name: str) -> None:
    assert await send(name, sandbox.http) == "SUCCEEDED"
    assert by_proxy.asked == []


@PROVIDERS
async def test_nor_is_what_no_proxy_spares(by_proxy: CountingProxy, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("no_proxy", "look-alike.invalid")
    assert await send(name, "http://look-alike.invalid") != "SUCCEEDED"
    assert by_proxy.asked == []


async def test_what_sns_is_asked_goes_by_the_proxy_too(by_proxy: CountingProxy, sandbox: Sandbox) -> None:
    http = SnsHttp()
    for url in ("http://sns.example/nothing", f"{sandbox.http}/nothing"):
        with pytest.raises(SnsRefusal):
            await http.get(url)
    assert by_proxy.asked == ["GET http://sns.example/nothing HTTP/1.1"]
    await http.close()


def test_whether_a_provider_can_be_reached_is_asked_of_the_proxy_on_the_way(by_proxy: CountingProxy) -> None:
    outside = registry.endpoints(settings_of("http://look-alike.example"))
    here = registry.endpoints(settings_of("http://127.0.0.1:8025"))
    assert {f"http://{one.host}:{one.port}" for one in outside} == {by_proxy.url}
    assert {(one.host, one.port) for one in here} == {("127.0.0.1", 8025)}
