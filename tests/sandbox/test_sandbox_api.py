"""The sandbox's own API, its page and its life as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.sandbox.config import SandboxSettings
from services.sandbox.receipts.log import LogInUse
from shared.config import ConfigError, StartError, base_environment
from tests.sandbox.running import RunningSandbox, Start, email


def send(sandbox: RunningSandbox, *recipients: str) -> None:
    with sandbox.smtp() as client:
        for recipient in recipients:
            client.send_message(email(to=recipient))


PEOPLE = [f"p{number}@example.org" for number in range(7)]


def test_pages_follow_each_other_without_gap_or_repetition(sandbox: RunningSandbox) -> None:
    send(sandbox, *PEOPLE)
    seen, after, pages = [], "", 0
    while after is not None:
        page = sandbox.api.get("/api/receipts", params={"limit": 3, "after": after}).json()
        seen += [receipt["to"] for receipt in page["receipts"]]
        after, pages = page["next"], pages + 1
    assert (seen, pages) == (PEOPLE, 3)


def test_the_newest_first_order_pages_backward(sandbox: RunningSandbox) -> None:
    send(sandbox, *PEOPLE)
    first = sandbox.api.get("/api/receipts", params={"limit": 4, "order": "newest"}).json()
    assert [receipt["to"] for receipt in first["receipts"]] == PEOPLE[:2:-1]
    rest = sandbox.receipts(order="newest", after=first["next"])
    assert [receipt["to"] for receipt in rest] == PEOPLE[2::-1]


@pytest.fixture(scope="module")
def full(shared: RunningSandbox) -> RunningSandbox:
    """The shared sandbox with one email for each of PEOPLE."""
    send(shared, *PEOPLE)
    return shared


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"channel": "email"}, 7),
        ({"channel": "EMAIL"}, 7),
        ({"channel": "sms"}, 0),
        ({"to": "p3@example.org"}, 1),
        ({"to": "P3@EXAMPLE.org"}, 1),
        ({"to": "example.org"}, 0),
        ({"to_contains": "EXAMPLE"}, 7),
        ({"notification_id": "unknown"}, 0),
        ({"after": "9999999999999999999"}, 0),
        ({"limit": "100000"}, 7),
        ({"limit": "2"}, 2),
    ],
)
def test_receipts_are_found_by(full: RunningSandbox, query: dict[str, str], found: int) -> None:
    assert len(full.receipts(**query)) == found


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=abc", "limit"),
        ("limit=1e3", "limit"),
        ("limit=٣", "limit"),
        ("after=x", "after"),
        ("after=" + "9" * 30, "after"),
        ("channel=fax", "channel"),
        ("order=up", "order"),
        ("chanel=sms", "chanel"),
    ],
)
def test_a_bad_parameter_is_named(shared: RunningSandbox, query: str, named: str) -> None:
    answer = shared.api.get(f"/api/receipts?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert named in answer.json()["error"]["message"]


def test_receipts_are_counted_by_channel_and_deleted(sandbox: RunningSandbox) -> None:
    send(sandbox, *PEOPLE)
    assert sandbox.api.get("/api/receipts:count").json() == {"count": 7}
    assert sandbox.api.get("/api/receipts:count?channel=push").json() == {"count": 0}
    assert sandbox.api.get("/api/receipts:count?channel=fax").status_code == 400
    last = sandbox.receipts()[-1]["id"]
    assert sandbox.api.delete("/api/receipts").status_code == 204
    assert sandbox.receipts() == []
    assert sandbox.log_file.read_bytes() == b""
    send(sandbox, "again@example.org")
    assert int(sandbox.receipts()[0]["id"]) > int(last)


def test_a_restart_keeps_the_receipts(start: Start) -> None:
    first = start()
    send(first, *PEOPLE)
    before = first.receipts()
    first.stop()
    second = start()
    assert second.receipts() == before
    send(second, "later@example.org")
    assert int(second.receipts()[-1]["id"]) > int(before[-1]["id"])
    assert second.api.get("/api/receipts:count?channel=email").json() == {"count": 8}


def test_only_the_newest_are_listed_but_all_are_counted(start: Start) -> None:
    first = start(sandbox_keep=3)
    send(first, *PEOPLE)
    assert [receipt["to"] for receipt in first.receipts()] == PEOPLE[-3:]
    first.stop()
    second = start(sandbox_keep=3)
    assert [receipt["to"] for receipt in second.receipts()] == PEOPLE[-3:]
    assert second.api.get("/api/receipts:count").json() == {"count": 7}


def test_a_torn_last_line_is_dropped_at_the_start(start: Start) -> None:
    first = start()
    send(first, "whole@example.org")
    first.stop()
    with first.log_file.open("ab") as file:
        file.write(b'{"id":"99","channel":"em')
    second = start()
    send(second, "next@example.org")
    assert [json.loads(line)["to"] for line in second.log_file.read_text().splitlines()] == [
        "whole@example.org",
        "next@example.org",
    ]


def test_two_sandboxes_do_not_share_a_log(start: Start) -> None:
    start()
    with pytest.raises(LogInUse):
        start()


def test_a_taken_port_is_named_and_nothing_is_left_behind(start: Start, tmp_path: Path) -> None:
    taken = start().sandbox.ports["http"]
    with pytest.raises(StartError, match=f"port {taken}: Address already in use"):
        start(home=str(tmp_path / "other"), sandbox_port=taken)
    start(home=str(tmp_path / "other"))


# Faults


def test_faults_are_replaced_and_show_how_often_they_were_used(sandbox: RunningSandbox) -> None:
    sandbox.fault("SMTP", "DELAY_MS", 0, match="p1", times=5)
    send(sandbox, *PEOPLE)
    assert sandbox.api.get("/api/faults").json() == [
        {"provider": "smtp", "match": "p1", "action": "delay_ms", "value": 0, "times": 5, "used": 1}
    ]
    shown = sandbox.api.get("/api/faults").json()
    assert sandbox.api.put("/api/faults", json=shown).status_code == 200
    assert sandbox.api.put("/api/faults", json=[]).json() == []


def test_a_bad_fault_is_refused_and_the_old_ones_stay(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "status", 451)
    answer = sandbox.api.put("/api/faults", json=[{"provider": "smtp", "action": "explode"}])
    assert answer.status_code == 400
    assert "explode" in answer.json()["error"]["message"]
    assert [fault["value"] for fault in sandbox.api.get("/api/faults").json()] == [451]


@pytest.mark.parametrize("body", [b"", b"{", b'[{"provider":"smtp","action":"delay_ms","value":NaN}]', b"[" * 50_000])
def test_faults_that_are_no_json_are_refused(shared: RunningSandbox, body: bytes) -> None:
    assert shared.api.put("/api/faults", content=body).status_code == 400


def test_a_body_that_is_too_large_is_refused(shared: RunningSandbox) -> None:
    assert shared.api.put("/api/faults", content=b" " * (1024 * 1024 + 1)).status_code == 413


# Page


def test_the_page_asks_nobody_but_the_sandbox(shared: RunningSandbox) -> None:
    for path in ("/", "/inbox.css", "/channels.css", "/inbox.js"):
        answer = shared.api.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "http://" not in answer.text and "https://" not in answer.text
    assert "innerHTML" not in shared.api.get("/inbox.js").text


def test_an_emails_html_is_shown_where_it_can_do_nothing(sandbox: RunningSandbox) -> None:
    with sandbox.smtp() as client:
        client.send_message(email(html="<script>alert(1)</script>"))
        client.send_message(email())
    with_html, without = sandbox.receipts()
    answer = sandbox.api.get(f"/api/receipts/{with_html['id']}/html")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert sandbox.api.get(f"/api/receipts/{without['id']}/html").status_code == 404
    assert sandbox.api.get("/api/receipts/1/html").status_code == 404


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/api/receipts", 405)])
def test_an_unknown_path_or_method_is_a_json_error(shared: RunningSandbox, method: str, path: str, status: int) -> None:
    answer = shared.api.request(method, path)
    assert answer.status_code == answer.json()["error"]["code"] == status


# Process and settings


def test_the_process_says_where_it_listens_and_stops_when_told(tmp_path: Path) -> None:
    free = {f"PULSE_{port}_PORT": "0" for port in ("SANDBOX", "SANDBOX_SMTP", "METRICS")}
    own = {"PULSE_HOME": str(tmp_path), **free}
    kept = {name: value for name, value in base_environment().items() if not name.startswith("PULSE_")}
    command = [sys.executable, "-m", "services.sandbox"]
    with subprocess.Popen(command, env={**kept, **own}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = next(line for line in map(json.loads, process.stderr) if line["event"] == "listening")
        written = json.loads((tmp_path / "run" / "sandbox.json").read_text())
        assert said["role"] == "sandbox"
        assert written == {name: said[name] for name in ("host", "http", "smtp", "smtps", "pid")}
        assert (written["host"], written["pid"]) == ("127.0.0.1", process.pid)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=5) == 0
    assert not (tmp_path / "run" / "sandbox.json").exists()


@pytest.mark.parametrize(
    "environment",
    [
        {"PULSE_SANDBOX_PRT": "1"},
        {"PULSE_SANDBOX_PORT": "70000"},
        {"PULSE_SANDBOX_SMTP_STARTTLS": "maybe"},
        {"PULSE_SANDBOX_SMTP_USERNAME": "alone"},
        {"PULSE_SANDBOX_KEEP": "0"},
    ],
)
def test_a_bad_setting_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="PULSE_SANDBOX"):
        SandboxSettings.load(environment)
