"""Settings that cannot be right stop the process at start."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers import registry
from services.delivery.ready_file import ReadyFile
from shared.clock import SystemClock
from shared.config import ConfigError

TWILIO = {
    "PULSE_TWILIO_ACCOUNT_SID": "AC1",
    "PULSE_TWILIO_AUTH_TOKEN": "t",
    "PULSE_TWILIO_FROM": "+15005550006",
}


def test_the_defaults_are_fit_to_start_with() -> None:
    assert DeliverySettings.load({}).delivery_lease_seconds == 12


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PULSE_DELIVERY_LEASE_SECONDS": "6"}, "PULSE_DELIVERY_LEASE_SECONDS"),
        ({"PULSE_DELIVERY_CALL_SECONDS": "11"}, "PULSE_DELIVERY_CALL_SECONDS"),
        ({"PULSE_DELIVERY_CALL_SECONDS": "0"}, "DELIVERY_CALL_SECONDS"),
        ({"PULSE_WORKER_LOW_IN_FLIGHT": "-1"}, "WORKER_LOW_IN_FLIGHT"),
        ({"PULSE_SMTP_TLS": "ssl"}, "SMTP_TLS"),
        ({"PULSE_SMTP_HOTS": "mail"}, "did you mean PULSE_SMTP_HOST"),
        ({"PULSE_SMTP_USERNAME": "ada"}, "PULSE_SMTP_PASSWORD"),
        (
            {"PULSE_ENV": "production", "PULSE_SMTP_USERNAME": "ada", "PULSE_SMTP_PASSWORD": "x"},
            "in the clear",
        ),
        ({"PULSE_TWILIO_ACCOUNT_SID": "AC1"}, "PULSE_TWILIO_AUTH_TOKEN"),
        ({"PULSE_PUBLIC_URL": "pulse.example"}, "PUBLIC_URL"),
        ({"PULSE_PUBLIC_URL": "https://"}, "PUBLIC_URL"),
        ({"PULSE_SMTP_FROM": "nobody"}, "SMTP_FROM"),
    ],
)
def test_a_mistake_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        DeliverySettings.load(environment)


def test_only_configured_providers_are_built() -> None:
    assert registry.build(DeliverySettings.load({}), SystemClock()) == {}
    settings = DeliverySettings.load({"PULSE_SMTP_HOST": "mail", **TWILIO, "PULSE_FCM_BASE_URL": "http://127.0.0.1:9"})
    built = registry.build(settings, SystemClock())
    assert {name: each.channel for name, each in built.items()} == {"smtp": "EMAIL", "twilio": "SMS", "fcm": "PUSH"}


def test_secrets_do_not_show_in_the_dump() -> None:
    settings = DeliverySettings.load({**TWILIO, "PULSE_SMTP_USERNAME": "ada", "PULSE_SMTP_PASSWORD": "s3cret"})
    assert "s3cret" not in str(settings.redacted())


def test_the_ready_file_holds_the_process_id_and_goes(tmp_path: Path) -> None:
    ready = ReadyFile(str(tmp_path), "HIGH")
    ready.write()
    path = tmp_path / "run" / "worker-high.ready"
    assert int(path.read_text()) > 0
    ready.remove()
    ready.remove()
    assert not list(path.parent.iterdir())
