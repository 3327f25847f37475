"""`pulse up`: starts all, loses nothing when parts die, leaves nothing behind, finds its data again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import redis

from proof.local_run import pulse
from proof.waiting import wait_until
from tests.e2e.suite import ARRIVED, Suite, is_alive, running

ROLES = {
    *("postgres", "valkey", "envoy", "gateway", "router", "ledger", "delivery"),
    *("worker-high", "worker-low", "sandbox"),
}


def test_every_role_is_ready_and_told(suite: Suite) -> None:
    roles = suite.roles()
    assert roles.keys() >= ROLES
    assert all(role["state"] == "ready" and is_alive(role["pid"]) for role in roles.values() if role["role"] in ROLES)


def test_a_second_up_in_the_same_home_says_that_one_is_running(suite: Suite) -> None:
    second = pulse(suite.home, "up")
    assert second.returncode == 1
    assert str(suite.pid) in second.stdout + second.stderr


def test_what_was_accepted_survives_its_workers_its_services_and_the_broker(tmp_path: Path) -> None:
    with running(tmp_path) as suite:
        sent = [suite.send().json()["notification_id"] for _ in range(20)]
        for role in ("worker-low", "worker-high", "router", "valkey"):
            os.kill(suite.roles()[role]["pid"], signal.SIGKILL)
        wait_until(lambda: all(suite.status(one)["status"] in ARRIVED for one in sent), timeout=60)
        assert all(len(suite.receipts(one)) >= 1 for one in sent)
        wait_until(lambda: pulse(suite.home, "status").returncode == 0, timeout=60)
        broker = suite.redis_url()
        more = [suite.send().json()["notification_id"] for _ in range(5)]
        redis.Redis.from_url(broker).flushall()
        wait_until(lambda: all(suite.status(one)["status"] in ARRIVED for one in more), timeout=60)
        pids = [role["pid"] for role in suite.roles().values() if role["pid"]]
    assert not [pid for pid in pids if is_alive(pid)], "nothing is left running"
    assert pulse(tmp_path, "status").returncode != 0

    with running(tmp_path) as again:
        assert {again.status(one)["status"] for one in sent + more} == {"sent"}

    assert pulse(tmp_path, "clean-data", "--yes").returncode == 0
    with running(tmp_path) as fresh:
        assert fresh.rest.get(f"/v1/notifications/{sent[0]}").status_code == 404


def test_a_part_that_does_not_start_is_named_with_its_log(tmp_path: Path) -> None:
    outcome = pulse(tmp_path, "up", PULSE_ROUTER_USER_LIMIT="none", PULSE_HTTP_PORT="0", PULSE_GRPC_PORT="0")
    said = outcome.stdout + outcome.stderr
    assert outcome.returncode == 1
    assert "router" in said
    assert "PULSE_ROUTER_USER_LIMIT" in said


def test_a_misspelt_setting_is_named_before_anything_starts(tmp_path: Path) -> None:
    outcome = pulse(tmp_path, "up", PULSE_HTP_PORT="1")
    assert outcome.returncode == 2
    assert "PULSE_HTP_PORT is not a setting" in outcome.stdout + outcome.stderr
