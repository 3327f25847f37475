"""A suite that is started where the environment names proxies for everything, as on many a company's laptop."""

from __future__ import annotations

from proof.local_run import pulse
from tests.e2e.suite import Suite
from tests.support.http_proxy import CountingProxy


def test_it_starts_sends_and_answers_without_asking_a_proxy(traced: Suite, dead_proxy: CountingProxy) -> None:
    sent = [
        traced.send().json()["notification_id"],
        traced.send(channel="sms", to="+4915112345678").json()["notification_id"],
        traced.send(channel="push", to="device-token").json()["notification_id"],
    ]
    for notification_id in sent:
        traced.until_arrived(notification_id)
    answered = pulse(traced.home, "queues", **dead_proxy.environment)
    assert answered.returncode == 0, answered.stderr
    assert dead_proxy.asked == []
