"""The steady load keeps its rate whatever the answers are, tries nothing again, and knows what has become of each."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from proof.load.steady.__main__ import main
from proof.waiting import wait_until
from services.local.home import checkout
from tests.e2e.suite import Suite
from tests.support.http_servers import QuietHandler, serving


def run(folder: Path, address: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit status and the report of one second, 20 a second."""
    report = folder / "report.json"
    options = ["--address", address, "--time", "1", "--settle", "10", "--report", str(report), *arguments]
    return main(options), json.loads(report.read_text())


class Faulty(QuietHandler):
    """Answers every second send with an error; what it accepted has the outcomes that the server was made with."""

    server: FaultyServer

    def do_POST(self) -> None:
        number = self.server.count(self.body())
        self._answer(503 if number % 2 else 200, {"notification_id": f"n{number}"})

    def do_GET(self) -> None:
        timeline = [{"outcome": outcome} for outcome in self.server.outcomes]
        self._answer(200, {"status": self.server.status, "timeline": timeline})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class FaultyServer(ThreadingHTTPServer):
    """On a free port; keeps what was posted."""

    def __init__(self, status: str, outcomes: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), Faulty)
        self.status = status
        self.outcomes = outcomes
        self.bodies: list[bytes] = []
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def count(self, body: bytes) -> int:
        """How many came before this one."""
        with self._lock:
            self.bodies.append(body)
            return len(self.bodies) - 1


@contextmanager
def faulty(status: str, *outcomes: str) -> Iterator[FaultyServer]:
    server = FaultyServer(status, list(outcomes))
    with serving(server):
        yield server


def test_against_a_suite_every_request_is_accepted_and_arrives_once(suite: Suite, tmp_path: Path) -> None:
    address, sandbox = str(suite.rest.base_url), str(suite.sandbox.base_url)
    status, report = run(tmp_path, address, "--sandbox", sandbox)
    assert status == 0
    assert (report["sent"], report["accepted"], report["arrived"]) == (20, 20, 20)
    assert (report["answers"], report["missing"], report["repeated"]) == ({"200": 20}, {}, {})


def test_it_sends_until_it_is_told_to_stop(suite: Suite, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = ["--address", str(suite.rest.base_url), "--rate", "50", "--report", str(report)]
    before = suite.sandbox.get("/api/receipts:count").json()["count"]
    with subprocess.Popen([sys.executable, "-m", "proof.load.steady", *options], cwd=checkout()) as process:
        wait_until(lambda: suite.sandbox.get("/api/receipts:count").json()["count"] >= before + 5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    found = json.loads(report.read_text())
    assert found["held"] and found["sent"] == found["arrived"] >= 5


def test_a_refused_request_is_counted_and_not_tried_again(tmp_path: Path) -> None:
    with faulty("SENT", "SUCCEEDED") as server:
        status, report = run(tmp_path, server.address)
    assert status == 1
    assert (report["sent"], report["answers"], report["failed"]) == (20, {"200": 10, "503": 10}, 10)
    users = [json.loads(body)["user_id"] for body in server.bodies]
    assert len(users) == len(set(users)) == 20
    assert len(report["failures"]) == 10 and "503" in report["failures"][0]


def test_nobody_there_is_told_by_the_error_s_name(tmp_path: Path) -> None:
    status, report = run(tmp_path, "http://127.0.0.1:9")
    assert (status, report["answers"], report["accepted"]) == (1, {"ConnectError": 20}, 0)


@pytest.mark.parametrize(
    ("last", "outcomes", "missing", "repeated"),
    [
        ("QUEUED", [], 10, 0),
        ("DEAD_LETTERED", ["PERMANENT_FAILURE"], 10, 0),
        ("SENT", ["SUCCEEDED", "SUCCEEDED"], 0, 10),
        ("DELIVERED", ["TRANSIENT_FAILURE", "SUCCEEDED"], 0, 0),
    ],
)
def test_what_has_not_arrived_and_what_came_twice_is_found(
    last: str, outcomes: list[str], missing: int, repeated: int, tmp_path: Path
) -> None:
    with faulty(last, *outcomes) as server:
        _, report = run(tmp_path, server.address, "--settle", "0.1")
    assert (len(report["missing"]), len(report["repeated"])) == (missing, repeated)
    assert all(status == last for status in report["missing"].values())
    assert set(report["repeated"].values()) <= {len(outcomes)}
    assert report["unexplained"] == report["repeated"]


@pytest.mark.parametrize(("outcomes", "explained"), [(["SUCCEEDED"], False), (["UNANSWERED", "SUCCEEDED"], True)])
def test_a_sandbox_that_has_one_twice_or_not_at_all_outweighs_the_ledger(
    outcomes: list[str], explained: bool, tmp_path: Path
) -> None:
    """One that came twice is a fault, unless an attempt had no answer: after such a one it is sent again."""

    class Receipts(QuietHandler):
        def do_GET(self) -> None:
            text = json.dumps({"receipts": [{"notification_id": "n0"}] * 2, "next": None}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    sandbox = ThreadingHTTPServer(("127.0.0.1", 0), Receipts)
    with faulty("SENT", *outcomes) as server, serving(sandbox):
        _, report = run(tmp_path, server.address, "--sandbox", f"http://127.0.0.1:{sandbox.server_port}")
    assert report["repeated"] == {"n0": 2}
    assert report["unexplained"] == ({} if explained else {"n0": 2})
    assert set(report["missing"].values()) == {"never received"} and len(report["missing"]) == 9
