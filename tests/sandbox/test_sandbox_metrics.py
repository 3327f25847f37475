"""What the sandbox counts, as Prometheus would read it."""

from __future__ import annotations

import pytest

from tests.sandbox.running import RunningSandbox, email

SMS = {"To": "+15551234567", "From": "+15005550006", "Body": "424242"}
ROUTE = "/2010-04-01/Accounts/{sid}/Messages.json"


def count(sandbox: RunningSandbox, name: str, **labels: str) -> float | None:
    return sandbox.sandbox.metrics.registry.get_sample_value(f"pulse_sandbox_{name}_total", labels)


def text(sandbox: RunningSandbox) -> int:
    path = "/2010-04-01/Accounts/AC1/Messages.json"
    return sandbox.api.post(path, data=SMS, auth=("AC1", "token")).status_code


def test_each_recipient_of_an_email_counts_by_provider_and_channel(sandbox: RunningSandbox) -> None:
    with sandbox.smtp() as client:
        client.send_message(email(), to_addrs=["ada@example.org", "bob@example.org"])
    assert text(sandbox) == 201
    assert count(sandbox, "receipts", provider="smtp", channel="email") == 2
    assert count(sandbox, "receipts", provider="twilio", channel="sms") == 1


@pytest.mark.parametrize(("action", "value", "kept"), [("status", 503, None), ("status_after_accept", 503, 1)])
def test_a_fault_counts_for_the_provider_it_befell(
    sandbox: RunningSandbox, action: str, value: int, kept: int | None
) -> None:
    sandbox.fault("*", action, value, times=1)
    assert text(sandbox) == 503
    assert count(sandbox, "faults", provider="twilio", action=action) == 1
    assert count(sandbox, "receipts", provider="twilio", channel="sms") == kept
    assert count(sandbox, "requests", route=ROUTE, status="503") == 1


def test_a_request_counts_by_its_route_and_never_by_its_address(sandbox: RunningSandbox) -> None:
    sandbox.api.get("/api/receipts", params={"to": "ada@example.org"})
    sandbox.api.get("/ada@example.org")
    assert count(sandbox, "requests", route="/api/receipts", status="200") == 1
    assert count(sandbox, "requests", route="none", status="404") == 1
    found = [sample.labels for family in sandbox.sandbox.metrics.registry.collect() for sample in family.samples]
    assert "ada" not in str(found)
