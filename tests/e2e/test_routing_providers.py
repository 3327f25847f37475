"""Routes of several providers: weights, failover at once, the breaker and its override, receipts that move on."""

from __future__ import annotations

import base64
import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from proof.local_run import pulse
from proof.waiting import wait_until
from tests.delivery.recipients import APNS_TOKEN, browser
from tests.e2e.notifications import (
    events,
    mail_address,
    phone_number,
    providers,
    put_faults,
    reasons,
    send,
    settled,
    told,
)
from tests.e2e.suite import Suite, running
from tests.e2e.test_routing_pause import state


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """Two providers and more for each channel, those for SMS by halves; a breaker that is quick; reports on SMS."""
    port = free_port()
    sandbox = f"http://127.0.0.1:{port}"
    secret = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
    settings = {
        "PULSE_SANDBOX_PORT": str(port),
        "PULSE_SANDBOX_CALLBACKS": "on",
        "PULSE_SES_REGION": "eu-west-1",
        "PULSE_SES_BASE_URL": sandbox,
        "PULSE_SNS_REGION": "eu-west-1",
        "PULSE_SNS_BASE_URL": sandbox,
        "PULSE_AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "PULSE_AWS_SECRET_ACCESS_KEY": "development",
        "PULSE_WEBHOOK_URL": f"{sandbox}/webhook",
        "PULSE_WEBHOOK_SECRET": secret,
        "PULSE_SANDBOX_WEBHOOK_SECRET": secret,  # so it verifies the signatures
        "PULSE_WEBHOOK_CHANNEL": "PUSH",
        "PULSE_ROUTER_EMAIL_ROUTE": "smtp,ses",
        "PULSE_APNS_BASE_URL": sandbox,
        "PULSE_WEBPUSH_BASE_URL": sandbox,
        "PULSE_ROUTER_PUSH_ROUTE": "fcm,webhook,apns,webpush",
        "PULSE_ROUTER_SMS_ROUTE": "twilio:1,sns:1",
        "PULSE_DELIVERY_BREAKER_LEAST_CALLS": "4",
        "PULSE_DELIVERY_BREAKER_WINDOW_SECONDS": "10",
        "PULSE_DELIVERY_BREAKER_PAUSE_SECONDS": "1",
        "PULSE_DELIVERY_BREAKER_LONGEST_PAUSE_SECONDS": "1",
        "PULSE_DELIVERY_BREAKER_PROBES": "1",
    }
    with running(tmp_path_factory.mktemp("routed"), **settings) as suite:
        yield suite


@pytest.fixture(autouse=True)
def _all_is_well(routed: Suite) -> Iterator[None]:
    """No fault and no override is left to the next test, and no breaker open."""
    yield
    put_faults(routed)
    for provider in ("smtp", "ses"):
        routed.rest.post(f"/v1/operations/providers/{provider}:overrideBreaker", json={"override": "automatic"})
    wait_until(lambda: provider_of_a_mail(routed) == "smtp")


def provider_of_a_mail(suite: Suite) -> str:
    return str(suite.until_arrived(send(suite, "welcome_email"))["provider"])


def test_mail_goes_by_the_second_provider_while_the_first_is_forced_open(routed: Suite) -> None:
    assert provider_of_a_mail(routed) == "smtp"
    done = pulse(routed.home, "providers", "override", "smtp", "open")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: provider_of_a_mail(routed) == "ses")
    sent = send(routed, "welcome_email")
    assert routed.until_arrived(sent)["provider"] == "ses"
    assert reasons(told(routed, sent), "breaker") == ["ses: smtp is forced open"]
    assert told(routed, sent)["attempt_count"] == 1
    assert state(routed, "smtp")["override"] == "FORCED_OPEN"
    assert pulse(routed.home, "providers", "override", "smtp", "automatic").returncode == 0
    wait_until(lambda: provider_of_a_mail(routed) == "smtp")


def test_mail_waits_without_an_attempt_while_every_provider_is_forced_open(routed: Suite) -> None:
    for provider in ("smtp", "ses"):
        path = f"/v1/operations/providers/{provider}:overrideBreaker"
        assert routed.rest.post(path, json={"override": "forced_open"}).status_code == 200
    waiting = send(routed, "welcome_email")
    wait_until(lambda: events(told(routed, waiting), "DEFERRED"))
    assert told(routed, waiting)["attempt_count"] == 0
    routed.rest.post("/v1/operations/providers/ses:overrideBreaker", json={"override": "automatic"})
    assert routed.until_arrived(waiting)["provider"] == "ses"


def test_a_push_goes_to_the_webhook_while_fcm_is_forced_open(routed: Suite) -> None:
    with forced_open(routed, "fcm"):
        sent = send(routed, "welcome_push", channel="push", to="token")
        receipt = routed.until_arrived(sent)
    assert (receipt["provider"], receipt["to"]) == ("webhook", "token")
    assert reasons(told(routed, sent), "breaker") == ["webhook: fcm is forced open"]


def test_a_push_goes_to_an_apple_device_and_to_a_browser_by_services_of_their_own(routed: Suite) -> None:
    sandbox, content = routed.sandbox.base_url, {"badge": 3, "collapse_key": "order-7"}
    more = {"channel": "push", "push": content, "priority": "HIGH", "ttl": "600s"}
    with forced_open(routed, "fcm"), forced_open(routed, "webhook"):
        by_apple = routed.until_arrived(send(routed, "welcome_push", to=APNS_TOKEN, **more))
        with forced_open(routed, "apns"):
            to_browser = browser(str(sandbox).rstrip("/"))
            by_web = routed.until_arrived(send(routed, "welcome_push", to=to_browser, **more))
    assert (by_apple["provider"], by_web["provider"]) == ("apns", "webpush")
    asked = by_apple["request"]
    assert asked["payload"]["aps"]["badge"] == 3
    assert (asked["headers"]["apns-priority"], asked["headers"]["apns-collapse-id"]) == ("10", "order-7")
    assert 0 <= int(asked["headers"]["apns-expiration"]) - time.time() <= 600
    asked = by_web["request"]
    assert asked["message"]["notification"]["title"] == by_web["subject"] != ""
    assert (asked["headers"]["urgency"], asked["headers"]["topic"]) == ("high", "order-7")
    assert 0 < int(asked["headers"]["ttl"]) <= 600


def test_a_passing_refusal_is_taken_to_the_next_provider_at_once(routed: Suite) -> None:
    to = mail_address()
    put_faults(routed, {"provider": "smtp", "match": to, "action": "status", "value": 451})
    sent = send(routed, "welcome_email", to=to)
    assert routed.until_arrived(sent)["provider"] == "ses"
    notification = settled(routed, sent)
    (refused, _) = events(notification, "ATTEMPT_ENDED")
    assert refused["next_attempt_time"] == refused["time"], "there is no back-off before another provider"
    assert reasons(notification, "retry") == ["RETRYING: attempt 1 of 20 did not succeed; ses is next"]


def test_a_provider_that_keeps_failing_is_left_alone_until_it_works_again(routed: Suite) -> None:
    put_faults(routed, {"provider": "smtp", "match": "", "action": "reset"})
    sent: list[str] = []

    def is_left_alone() -> bool:
        """By a breaker that has opened, mail is no longer tried there first, and operators see that.

        Many at once: on a slow machine, one after the other would be too few in the time that the breaker looks back.
        It closes again where nothing is sent for a while, so it is looked at while there is mail.
        """
        sent.extend([send(routed, "welcome_email") for _ in range(10)])
        for one in sent[-10:]:
            routed.until_arrived(one)
        passed_over = reasons(told(routed, sent[-1]), "breaker") == ["ses: smtp fails too often"]
        return passed_over and state(routed, "smtp")["breaker"] in ("OPEN", "HALF_OPEN")

    wait_until(is_left_alone, timeout=60)
    assert {provider for one in sent for provider in providers(routed, one)} == {"ses"}
    put_faults(routed)
    wait_until(lambda: provider_of_a_mail(routed) == "smtp" and state(routed, "smtp")["breaker"] == "CLOSED")


def test_a_route_with_weights_shares_among_its_providers(routed: Suite) -> None:
    # All of 24 by one of two equals would be seen once in eight million runs.
    sent = [send(routed, "welcome_email", channel="sms", to=phone_number()) for _ in range(24)]
    assert {provider for one in sent for provider in routed_by(routed, one)} == {"twilio", "sns"}


def test_an_sms_that_its_provider_could_not_deliver_moves_on_to_mail(routed: Suite) -> None:
    with forced_open(routed, "sns"):
        fallback = {"channel": "email", "to": mail_address()}
        # The sandbox's Twilio takes numbers with this end over, and then reports error 30003, unreachable handset.
        sent = send(routed, "welcome_email", channel="sms", to="+14155530003", fallbacks=[fallback])
        wait_until(lambda: providers(routed, sent) == ["twilio", "smtp"])
    notification = settled(routed, sent)
    assert reasons(notification, "receipt") == ["UNDELIVERED: twilio reported it"]
    assert reasons(notification, "fallback") == ["EMAIL: it failed by SMS"]


def test_an_sms_that_arrived_is_delivered(routed: Suite) -> None:
    with forced_open(routed, "sns"):
        sent = send(routed, "welcome_email", channel="sms", to=phone_number())
        wait_until(lambda: told(routed, sent)["status"] == "DELIVERED")


def routed_by(suite: Suite, notification_id: str) -> list[str]:
    wait_until(lambda: providers(suite, notification_id))
    return providers(suite, notification_id)


@contextlib.contextmanager
def forced_open(suite: Suite, provider: str) -> Iterator[None]:
    """The provider is not called until the block ends."""
    path = f"/v1/operations/providers/{provider}:overrideBreaker"
    assert suite.rest.post(path, json={"override": "forced_open"}).status_code == 200
    try:
        yield
    finally:
        suite.rest.post(path, json={"override": "automatic"})
