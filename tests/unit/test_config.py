"""Settings: a mistake is named at start, and a secret is never shown."""

from __future__ import annotations

import subprocess
import sys
from typing import ClassVar

import pytest
from pydantic import Field

from shared.config import ConfigError, Settings, base_environment


class RouterLike(Settings):
    owns: ClassVar[tuple[str, ...]] = ("ROUTER_",)
    router_limit: int = Field(10, gt=0, description="places")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PULSE_HTP_PORT": "1"}, ["PULSE_HTP_PORT", "did you mean PULSE_HTTP_PORT?"]),
        ({"PULSE_ROUTER_LIMT": "1"}, ["PULSE_ROUTER_LIMT", "PULSE_ROUTER_LIMIT"]),
        ({"PULSE_HTTP_PORT": "many"}, ["PULSE_HTTP_PORT", "many"]),
        ({"PULSE_ROUTER_LIMIT": "0"}, ["PULSE_ROUTER_LIMIT", "greater than 0"]),
        ({"PULSE_AUTH": "maybe"}, ["PULSE_AUTH"]),
        ({"PULSE_LISTEN": "127.0.0.1:99999"}, ["PULSE_LISTEN", "99999", "65535"]),
        ({"PULSE_HEALTH_LISTEN": "[::]:65536"}, ["PULSE_HEALTH_LISTEN", "65536"]),
        ({"PULSE_LEDGER_ADDRESS": "dns:///ledger:70000"}, ["PULSE_LEDGER_ADDRESS", "70000"]),
    ],
)
def test_a_mistake_is_named(environ: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        RouterLike.load(environ)
    assert all(word in str(caught.value) for word in words)


def test_keys_of_other_roles_and_of_others_are_left_alone() -> None:
    RouterLike.load({"PULSE_LEDGER_ANYTHING": "x", "PATH": "/bin"})


def test_an_empty_value_means_the_default() -> None:
    assert RouterLike.load({"PULSE_ROUTER_LIMIT": ""}).router_limit == 10


def test_secrets_are_blanked_when_settings_are_shown() -> None:
    shown = Settings.load({"PULSE_DATABASE_URL": "postgresql://u:hunter2@h/d"}).redacted()
    assert "hunter2" not in str(shown)


def test_every_key_is_documented() -> None:
    assert all(field.description for field in Settings.model_fields.values())


CERTIFICATES = {f"PULSE_TLS_{part}_FILE": f"/tls/{part}" for part in ("CERT", "KEY", "CA")}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"PULSE_ENV": "development"},
        {"PULSE_ENV": "production", **CERTIFICATES},
        {"PULSE_ENV": "production", "PULSE_CLEARTEXT": "allowed"},
    ],
)
def test_a_service_behind_the_gateway_serves_in_development_by_certificate_or_where_the_clear_is_allowed(
    environ: dict[str, str],
) -> None:
    Settings.load(environ).refuse_cleartext()


@pytest.mark.parametrize("role", ["ledger", "router", "delivery"])
def test_a_service_behind_the_gateway_does_not_serve_in_the_clear_in_production(role: str) -> None:
    environment = {**base_environment(), "PULSE_ENV": "production"}
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{role}"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("configuration: in production this role does not serve without certificates")
    assert "PULSE_TLS_CERT_FILE" in ended.stderr
