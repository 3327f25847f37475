"""``pulse send`` and its neighbours."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from pulse.common.v1 import enums_pb2
from services.local import status
from services.local.config import LocalSettings
from services.local.home import Home
from services.local.status import RoleStatus, State
from shared.errors import Code, PulseError
from tests.client import certificate
from tests.client.fake_gateway import LIMITED, FakeGateway

Pulse = Callable[..., Result]
SEND = ("send", "welcome_email", "--user", "u1", "--to", "ann@example.org")


def test_send_prints_the_id_alone_on_standard_output(pulse: Pulse, gateway: FakeGateway) -> None:
    ran = pulse(*SEND)
    assert (ran.exit_code, ran.stdout.strip()) == (0, next(iter(gateway.notifications.stored)))
    assert "QUEUED" in ran.stderr


def test_send_takes_everything_a_request_can_say(pulse: Pulse, gateway: FakeGateway) -> None:
    ran = pulse(
        *(*SEND, "--channel", "email", "--priority", "HIGH", "--locale", "de", "--key", "k1", "--ttl", "1h30m"),
        *("--context", '{"name": "Ann", "n": 3}', "--var", "name=Bea", "--at", "2030-12-01T09:00Z"),
        *("--subject", "Hi", "--label", "a=b=c", "--at-most-once"),
    )
    assert ran.exit_code == 0, ran.stderr
    (request,) = gateway.notifications.requests
    assert (request.channel, request.priority, request.locale) == (enums_pb2.EMAIL, enums_pb2.HIGH, "de")
    assert (request.context["name"], request.context["n"]) == ("Bea", 3)
    assert (request.idempotency_key, request.ttl.seconds, request.subject) == ("k1", 5400, "Hi")
    assert request.send_at.ToJsonString() == "2030-12-01T09:00:00Z"
    assert (dict(request.metadata), request.delivery_guarantee) == ({"a": "b=c"}, enums_pb2.AT_MOST_ONCE)


def test_a_key_sent_again_says_that_it_was_known(pulse: Pulse) -> None:
    first, second = pulse(*SEND, "--key", "k"), pulse(*SEND, "--key", "k")
    assert first.stdout == second.stdout
    assert "first one" in second.stderr


def test_wait_tells_how_it_ended(pulse: Pulse, gateway: FakeGateway) -> None:
    sent = pulse(*SEND, "--key", "k").stdout.strip()
    gateway.notifications.happen(sent, enums_pb2.SENDING, enums_pb2.FAILED)
    ran = pulse(*SEND, "--key", "k", "--wait", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)["status"]) == (1, "FAILED")


def test_check_sends_nothing(pulse: Pulse, gateway: FakeGateway) -> None:
    pulse(*SEND, "--check", "--wait")
    assert gateway.notifications.requests[0].validate_only
    assert gateway.notifications.calls == ["SendNotification"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("--channel", "pigeon"), "EMAIL, SMS, PUSH"),
        (("--priority", "urgent"), "HIGH, LOW"),
        (("--context", "{"), "not JSON"),
        (("--context", "[1]"), "JSON object"),
        (("--var", "name"), "NAME=TEXT"),
        (("--at", "tomorrow"), "no time"),
        (("--at", "2030-12-01T09:00"), "no time zone"),
        (("--at", "0001-01-01T00:00+01:00"), "outside the years 1 to 9999"),
        (("--at", "9999-12-31T23:59-01:00"), "outside the years 1 to 9999"),
        (("--ttl", "ten"), "no length of time"),
        (("--ttl", "9999999999999d"), "too long"),
    ],
)
def test_a_mistyped_option_is_a_usage_error(pulse: Pulse, gateway: FakeGateway, wrong: tuple, told: str) -> None:
    ran = pulse(*SEND, *wrong, env={"COLUMNS": "400"})
    assert ran.exit_code == 2
    assert told in ran.stderr
    assert not gateway.notifications.calls


def test_a_refusal_is_one_line_with_reason_message_and_status_1(pulse: Pulse, gateway: FakeGateway) -> None:
    ran = pulse("send", "t", "--user", "u", "--to", "nowhere")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr == "pulse: INVALID_FIELDS: to: must be a mail address\n"
    gateway.notifications.script.append(LIMITED)
    assert pulse(*SEND).stderr.endswith("try again in 7 s\n")


def test_a_missing_key_says_where_it_goes(pulse: Pulse, gateway: FakeGateway) -> None:
    gateway.notifications.script.append(PulseError(Code.UNAUTHENTICATED, "API_KEY_MISSING", "this needs an API key"))
    ran = pulse(*SEND)
    assert (ran.exit_code, "API_KEY_MISSING" in ran.stderr, "PULSE_API_KEY" in ran.stderr) == (1, True, True)


def test_nobody_at_the_address_says_how_to_start(pulse: Pulse) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        ran = pulse("queues", "--address", f"127.0.0.1:{bound.getsockname()[1]}")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "is Pulse running? `pulse up` starts it" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_setting_that_does_not_exist_is_named(pulse: Pulse) -> None:
    ran = pulse("queues", env={"PULSE_CLI_TIMEOTU": "3"})
    assert ran.exit_code == 2
    assert "PULSE_CLI_TIMEOUT" in ran.stderr


def test_the_api_key_goes_along(pulse: Pulse, gateway: FakeGateway) -> None:
    pulse(*SEND, env={"PULSE_API_KEY": "sesame"})
    assert gateway.notifications.metadata["authorization"] == "Bearer sesame"


def test_without_an_address_the_local_run_is_called(
    pulse: Pulse, gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULSE_GATEWAY_ADDRESS")
    home = Home.of(LocalSettings.load({"PULSE_HOME": str(tmp_path / "home")}))
    with home.claim():
        status.write(home.status_file, [RoleStatus("gateway", None, State.READY, gateway.address)])
        assert pulse(*SEND).exit_code == 0


def test_get_shows_status_and_timeline(pulse: Pulse, gateway: FakeGateway) -> None:
    sent = pulse(*SEND, "--label", "a=b").stdout.strip()
    gateway.notifications.happen(sent, enums_pb2.SENDING, enums_pb2.SENT)
    shown = pulse("get", sent).stdout
    for word in ("SENT", "welcome_email (version 1)", "ATTEMPT_ENDED", "lane LOW: no rule says HIGH"):
        assert word in shown
    timeline = json.loads(pulse("get", sent, "--json").stdout)["timeline"]
    assert [event["kind"] for event in timeline] == ["ACCEPTED", "ATTEMPT_STARTED", "ATTEMPT_ENDED"]


def test_what_a_terminal_could_take_for_a_command_is_not_printed(pulse: Pulse) -> None:
    pulse("send", "t\x1b]0;x\x07", "--user", "[red]u", "--to", "ann@example.org")
    shown = pulse("list").stdout
    assert "\x1b]0" not in shown
    assert "[red]u" in shown


def test_list_goes_by_filters_and_stops_at_the_limit(pulse: Pulse) -> None:
    for number in range(3):
        pulse("send", "t", "--user", f"u{number}", "--to", "ann@example.org")
    assert [n["user_id"] for n in json.loads(pulse("list", "--limit", "2", "--json").stdout)] == ["u2", "u1"]
    assert json.loads(pulse("list", "--status", "failed", "--json").stdout) == []
    assert "u0" in pulse("list", "--user", "u0").stdout


def test_watch_prints_events_until_the_end(pulse: Pulse, gateway: FakeGateway) -> None:
    sent = pulse(*SEND).stdout.strip()
    gateway.notifications.happen(sent, enums_pb2.SENDING, enums_pb2.SENT)
    gateway.notifications.breaks.append(1)
    lines = pulse("watch", sent, "--json").stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [1, 2, 3]
    assert "ATTEMPT_ENDED" in pulse("watch", sent).stdout


def test_cancel_says_where_it_stands(pulse: Pulse) -> None:
    sent = pulse(*SEND).stdout.strip()
    assert "CANCELLED" in pulse("cancel", sent).stderr
    assert "NOTIFICATION_NOT_FOUND" in pulse("cancel", "nothing").stderr


def test_cancel_takes_back_all_that_match_or_counts_them(pulse: Pulse, gateway: FakeGateway) -> None:
    many = ("--user", "u-1", "--label", "campaign=spring", "--since", "2h")
    assert "7 would be taken back" in pulse("cancel", *many, "--dry-run").stderr
    told = pulse("cancel", *many).stderr
    assert "5 of 7 taken back" in told and "run it again" in told
    wanted = gateway.notifications.requests[-1].filter
    assert (wanted.user_id, dict(wanted.metadata)) == ("u-1", {"campaign": "spring"})
    assert wanted.HasField("created_after")


def test_cancel_wants_an_id_or_options_and_not_both(pulse: Pulse) -> None:
    for wrong in ((), ("--dry-run", "some-id"), ("some-id", "--user", "u-1")):
        refused = pulse("cancel", *wrong)
        assert (refused.exit_code, "give an id" in refused.stderr) == (2, True)


def test_queues_and_stats_tell_figures(pulse: Pulse) -> None:
    assert "90 s" in pulse("queues").stdout
    assert json.loads(pulse("queues", "--json").stdout)[0]["oldest_due_age"] == 90
    assert "41" in pulse("stats", "--window", "1h").stdout
    told = json.loads(pulse("stats", "--json").stdout)
    assert told["average_retry_attempts"] == 1.5
    assert told["costs"][0]["day"] == "2026-06-01"
    assert told["costs"][0]["price"] == {"amount": "12.3398", "currency": "USD"}
    shown = pulse("stats").stdout
    assert "12.3398" in shown and "USD" in shown and "2026-06-01" in shown


def test_tls_is_a_setting(pulse: Pulse, tmp_path: Path) -> None:
    pem, credentials = certificate.make()
    (tmp_path / "ca.pem").write_bytes(pem)
    encrypted = FakeGateway(credentials=credentials)
    encrypted.start()
    tls = {"PULSE_CLI_TLS": "true", "PULSE_CLI_CA_FILE": str(tmp_path / "ca.pem")}
    assert pulse("queues", "--address", encrypted.address, env=tls).exit_code == 0
    ran = pulse("queues", "--address", encrypted.address, env={**tls, "PULSE_CLI_CA_FILE": "/nowhere"})
    assert (ran.exit_code, "PULSE_CLI_CA_FILE=/nowhere" in ran.stderr) == (2, True)
    encrypted.stop()
