"""The gateway's configuration: what cannot be stops the start with a sentence."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.gateway.config import GatewaySettings
from shared.config import ConfigError, base_environment


@pytest.mark.parametrize(
    "environment, named",
    [
        ({"PULSE_GATEWAY_KEYS_SECONDS": "0"}, "PULSE_GATEWAY_KEYS_SECONDS"),
        ({"PULSE_GATEWAY_MAX_BATCH": "0"}, "PULSE_GATEWAY_MAX_BATCH"),
        ({"PULSE_GATEWAY_MAX_BATCH": "1001"}, "PULSE_GATEWAY_MAX_BATCH"),
        ({"PULSE_GATEWAY_MAX_WAITING": "-1"}, "PULSE_GATEWAY_MAX_WAITING"),
        ({"PULSE_GATEWAY_TRACE_RATIO": "1.1"}, "PULSE_GATEWAY_TRACE_RATIO"),
        ({"PULSE_GATEWAY_PHONE_CHECK": "dial"}, "PULSE_GATEWAY_PHONE_CHECK"),
        ({"PULSE_GATEWAY_TRACE_RATION": "1"}, "did you mean PULSE_GATEWAY_TRACE_RATIO"),
    ],
)
def test_a_setting_that_cannot_be_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        GatewaySettings.load(environment)


@pytest.mark.parametrize(
    "environment, check",
    [
        ({}, "form"),
        ({"PULSE_ENV": "production"}, "possible"),
        ({"PULSE_ENV": "production", "PULSE_GATEWAY_PHONE_CHECK": "form"}, "form"),
    ],
)
def test_phone_numbers_are_looked_at_more_closely_in_production(environment: dict[str, str], check: str) -> None:
    assert GatewaySettings.load(environment).phone_check == check


@pytest.mark.parametrize(
    "environment",
    [
        {"PULSE_GATEWAY_MAX_BATHC": "1"},
        {"PULSE_AUTH": "required", "PULSE_GATEWAY_API_KEYS_FILE": "/nowhere/keys.json", "PULSE_LISTEN": "127.0.0.1:0"},
    ],
)
def test_the_process_ends_at_once_and_says_why(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "services.gateway"],
        env={**base_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    assert "configuration: " in ended.stderr and "Traceback" not in ended.stderr


async def test_a_start_without_credentials_is_said_loudly(serve: Any) -> None:
    with capture_logs() as logs:
        await serve()
    assert any("AUTHENTICATION IS OFF" in line["event"] and line["log_level"] == "warning" for line in logs)
