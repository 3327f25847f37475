"""What each role is told by its environment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from proof.planning import make_plan
from services.local.config import LocalSettings
from services.local.envoy.process import render
from services.local.home import Home, checkout
from services.local.roles import ROLES
from shared.processes.backoff import Backoff


@pytest.fixture
def told(plan):
    """The environment of one role, given what the user's own has."""

    def environment(role: str = "delivery", **own: str) -> dict[str, str]:
        (found,) = (r for r in ROLES if r.name == role)
        started = replace(plan, base=own)
        return started.environment(role, found.environment(started))

    return environment


def test_roles_are_told_where_the_others_are(plan, told):
    environment = told()
    assert environment["PULSE_LISTEN"] == environment["PULSE_DELIVERY_ADDRESS"] == plan.ports.address("delivery")
    assert environment["PULSE_DATABASE_URL"] == plan.database_url()
    assert environment["PULSE_BROKER_URL"] == plan.redis_url(1)
    assert environment["PULSE_HOME"] == str(plan.home.path)


def test_providers_are_the_sandbox_unless_somebody_names_others(plan, told):
    environment = told(PULSE_SMTP_HOST="mail.example.com")
    assert environment["PULSE_SMTP_HOST"] == "mail.example.com"
    assert "PULSE_SMTP_PORT" not in environment, "a real server's port is not the sandbox's"
    assert environment["PULSE_TWILIO_BASE_URL"] == f"http://{plan.ports.address('sandbox')}"


def test_unsubscribe_links_are_signed_with_a_key_that_the_home_keeps(plan, told):
    key = plan.home.secret("unsubscribe")
    assert len(key) >= 32
    assert plan.home.secret("unsubscribe") == key
    assert (plan.home.data / "unsubscribe.secret").stat().st_mode & 0o077 == 0
    (role,) = (r for r in ROLES if r.name == "worker-low")
    started = replace(plan, base={}, unsubscribe_key=key)
    assert started.environment("worker-low", role.environment(started))["PULSE_UNSUBSCRIBE_KEY"] == key
    assert told(PULSE_UNSUBSCRIBE_KEY="somebody's own key")["PULSE_UNSUBSCRIBE_KEY"] == "somebody's own key"


@pytest.mark.parametrize("attempt", range(5))
def test_all_who_ask_for_a_secret_at_once_get_the_same(tmp_path: Path, attempt: int) -> None:
    home = make_plan(tmp_path / str(attempt)).home
    together = threading.Barrier(16)

    def ask(_: int) -> str:
        together.wait()
        return home.secret("valkey")

    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(ask, range(16)))) == 1
    assert [file.name for file in home.data.glob("valkey*")] == ["valkey.secret"]
    assert (home.data / "valkey.secret").stat().st_mode & 0o777 == 0o600


def test_settings_without_effect_are_named(plan):
    own = {"PULSE_REDIS_URL": "redis://elsewhere/0", "PULSE_SMTP_HOST": "mail.example.com", "PATH": "/bin"}
    assert replace(plan, base=own).overruled() == ["PULSE_REDIS_URL"]
    assert replace(plan, base={}).overruled() == []


def test_an_address_of_the_run_cannot_be_overridden_but_other_settings_can(plan, told):
    environment = told(PULSE_DATABASE_URL="postgresql://elsewhere/x", PULSE_LOG_LEVEL="DEBUG")
    assert environment["PULSE_DATABASE_URL"] == plan.database_url()
    assert environment["PULSE_LOG_LEVEL"] == "DEBUG"


def test_one_role_serves_metrics_on_the_public_port(plan, told):
    assert told("gateway")["PULSE_METRICS_PORT"] == str(plan.ports.metrics)
    assert told("router")["PULSE_METRICS_PORT"] == "0"


def test_every_role_needs_only_roles_that_exist_and_starts_after_none_that_waits_for_it():
    names = [role.name for role in ROLES]
    assert len(set(names)) == len(names)
    assert {need for role in ROLES for need in (*role.after, *role.uses)} <= set(names)
    started: set[str] = set()
    while waiting := [role for role in ROLES if role.name not in started]:
        able = [role.name for role in waiting if set(role.after) <= started]
        assert able, "roles wait for each other in a circle"
        started |= set(able)


def test_the_wait_before_a_restart_doubles_up_to_half_a_minute():
    waits, backoff = [], Backoff()
    for _ in range(9):
        wait, backoff = backoff.after(uptime_s=1)
        waits.append(wait)
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_minute_of_uptime_is_a_fresh_start():
    _, backoff = Backoff(deaths=6).after(uptime_s=59)
    assert backoff.after(uptime_s=60) == (0.5, Backoff(1))


def test_the_home_is_in_the_checkout_by_default_and_relative_to_where_one_stands_when_given(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert Home.of(LocalSettings.load({})).path == checkout() / ".pulse"
    assert Home.of(LocalSettings.load({"PULSE_HOME": "mine"})).path == tmp_path.resolve() / "mine"


def test_paths_with_quotes_and_spaces_survive_in_a_configuration():
    assert render("path: ${FILE}", {"FILE": str(Path('/a "b"/c d'))}) == r'path: "/a \"b\"/c d"'
