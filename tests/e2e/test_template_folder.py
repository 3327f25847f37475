"""The folder of templates that the pages show, brought to the whole suite."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from services.cli.app import build
from services.local.home import checkout
from tests.e2e.suite import Suite

EXAMPLE = checkout() / "docs" / "examples" / "templates"


def test_a_folder_is_applied_and_what_it_says_is_sent(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_GATEWAY_ADDRESS", suite.grpc_address)
    runner, tree = CliRunner(), build()
    applied = runner.invoke(tree, ["templates", "apply", str(EXAMPLE)])
    assert applied.exit_code == 0, applied.stderr
    assert runner.invoke(tree, ["templates", "diff", str(EXAMPLE)]).exit_code == 0
    sent = suite.send(template_name="order_shipped", context={"name": "Ann", "order": "7"})
    receipt = suite.until_arrived(sent.json()["notification_id"])
    assert receipt["subject"] == "Order 7 is on its way"


def test_a_template_may_be_checked_over_rest_without_being_kept(suite: Suite) -> None:
    template = {"name": "only_checked", "channel": "sms", "contents": [{"body": "Hello"}]}
    checked = suite.rest.post("/v1/templates", params={"validate_only": "true"}, json=template)
    assert checked.status_code == 200 and checked.json().get("version", 0) == 0
    assert suite.rest.get("/v1/templates/only_checked").status_code == 404
