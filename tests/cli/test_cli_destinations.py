"""``pulse destinations``: an address is read from standard input, and printed by nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

from typer.testing import Result

from tests.client.fake_gateway import FakeGateway

Pulse = Callable[..., Result]
URL = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def test_one_is_added_by_an_address_on_standard_input(pulse: Pulse, gateway: FakeGateway) -> None:
    ran = pulse("destinations", "add", "ops", input=f" {URL}\n")
    assert ran.exit_code == 0, ran.stderr
    (request,) = gateway.destinations.requests
    assert (request.destination.name, request.destination.url) == ("ops", URL)
    assert all(text in ran.stdout for text in ("ops", "slack", "hooks.slack.com", "0123456789abcdef"))
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in ran.stdout + ran.stderr


def test_it_is_set_shown_listed_and_deleted(pulse: Pulse, gateway: FakeGateway) -> None:
    assert pulse("destinations", "set", "ops", "--json", input=URL).exit_code == 0
    assert json.loads(pulse("destinations", "show", "ops", "--json").stdout)["key_id"] == "0a0b0c0d"
    assert all(text in pulse("destinations", "list").stdout for text in ("NAME", "KEY ID", "ops", "hooks.slack.com"))
    assert [one["name"] for one in json.loads(pulse("destinations", "list", "--json").stdout)] == ["ops"]
    assert "ops is out of use" in pulse("destinations", "delete", "ops").stderr
    assert gateway.destinations.kept == {}


def test_an_address_is_no_argument(pulse: Pulse, gateway: FakeGateway) -> None:
    assert pulse("destinations", "add", "ops", URL).exit_code == 2
    assert gateway.destinations.requests == []
