"""What an SMS cost, as Twilio tells it once it has arrived: beside its attempt, and in the statistics' days."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from proof.waiting import wait_until
from services.cli.app import build
from tests.e2e.suite import Suite


def costs(suite: Suite) -> Decimal:
    """What is told of Twilio's SMS so far, in US dollars."""
    answer = suite.rest.get("/v1/operations/statistics").json()
    found: list[dict[str, Any]] = [one for one in answer.get("costs", []) if one["provider"] == "twilio"]
    assert {one["price"]["currency"] for one in found} <= {"USD"}
    return sum((Decimal(one["price"]["amount"]) for one in found), Decimal(0))


def test_the_price_of_an_sms_is_kept_and_summed(traced: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    before = costs(traced)
    request = {
        "user_id": f"user_{uuid.uuid4().hex[:8]}",
        "template_name": "login_otp",
        "to": "+4915112345678",
        "context": {"code": "7" * 200},
    }
    answer = traced.rest.post("/v1/notifications", json=request)
    assert answer.status_code == 200, answer.text
    path = f"/v1/notifications/{answer.json()['notification_id']}"

    def prices() -> list[dict[str, str]]:
        return [event["price"] for event in traced.rest.get(path).json()["timeline"] if "price" in event]

    wait_until(lambda: bool(prices()))
    assert prices() == [{"amount": "0.0158", "currency": "USD"}]
    assert costs(traced) - before == Decimal("0.0158")
    monkeypatch.setenv("PULSE_GATEWAY_ADDRESS", traced.grpc_address)
    shown = CliRunner().invoke(build(), ["stats"])
    assert "twilio" in shown.stdout and "USD" in shown.stdout
