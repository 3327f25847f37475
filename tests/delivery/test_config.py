"""Settings that cannot be right stop the process at start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers import registry
from services.delivery.providers.smtp import hello
from services.delivery.worker.ready_file import ReadyFile
from shared.clock import SystemClock
from shared.config import ConfigError

EVERYTHING = {
    "PULSE_SMTP_HOST": "mail",
    "PULSE_SES_REGION": "eu-central-1",
    "PULSE_TWILIO_ACCOUNT_SID": "AC1",
    "PULSE_TWILIO_AUTH_TOKEN": "t",
    "PULSE_TWILIO_FROM": "+15005550006",
    "PULSE_SNS_REGION": "cn-north-1",
    "PULSE_AWS_ACCESS_KEY_ID": "key",
    "PULSE_AWS_SECRET_ACCESS_KEY": "secret",
    "PULSE_FCM_BASE_URL": "http://127.0.0.1:9",
    "PULSE_WEBHOOK_URL": "https://receiver.example/pulse",
    "PULSE_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "PULSE_WEBHOOK_CHANNEL": "SMS",
}
TWILIO = {
    "PULSE_TWILIO_ACCOUNT_SID": "AC1",
    "PULSE_TWILIO_AUTH_TOKEN": "t",
    "PULSE_TWILIO_FROM": "+15005550006",
}


def test_hosts_in_letters_of_any_script_are_taken() -> None:
    environment = {"PULSE_PUBLIC_URL": "https://straße.de/ä", "PULSE_SMTP_HOST": "mail.straße.de"}
    settings = DeliverySettings.load(environment)
    assert settings.public_url == "https://xn--strae-oqa.de/%C3%A4"
    assert settings.smtp_host == "mail.xn--strae-oqa.de"


@pytest.mark.parametrize(
    "sender", ["+15005550006", "+4915112345678", "12345", "Pulse", "My Shop", "A-1_b & c+", "MG0123", "MG" + "0aF9" * 8]
)
def test_twilio_may_send_from_any_of_its_kinds_of_sender(sender: str) -> None:
    assert DeliverySettings.load({**TWILIO, "PULSE_TWILIO_FROM": sender}).twilio_from == sender


@pytest.mark.parametrize(("share", "processes", "each"), [("0.1", "1", 0.1), ("0.2", "4", 0.05), ("1", "4", 1.0)])
def test_the_processes_of_a_low_worker_take_its_share_together(share: str, processes: str, each: float) -> None:
    environment = {"PULSE_WORKER_LOW_SHARE": share, "PULSE_WORKER_LOW_PROCESSES": processes}
    assert DeliverySettings.load(environment).low_share_of_a_process == each


def test_the_defaults_are_fit_to_start_with() -> None:
    assert DeliverySettings.load({}).delivery_lease_seconds == 12


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PULSE_DELIVERY_LEASE_SECONDS": "6"}, "PULSE_DELIVERY_LEASE_SECONDS"),
        *(
            ({"PULSE_SMTP_EHLO_NAME": name}, "PULSE_SMTP_EHLO_NAME")
            for name in ("my host", "a..b", "-a.example", "müller.example", "192.0.2.1]", "[300.0.2.1]", "[IPv6:g::1]")
        ),
        ({"PULSE_SMTP_USERNAME": "ada", "PULSE_SMTP_PASSWORD": "p\udce9"}, "PULSE_SMTP_PASSWORD must be UTF-8"),
        ({"PULSE_SMTP_USERNAME": "a\0da", "PULSE_SMTP_PASSWORD": "p"}, "PULSE_SMTP_USERNAME must be UTF-8"),
        *(
            ({**TWILIO, "PULSE_TWILIO_FROM": sender}, "PULSE_TWILIO_FROM must be")
            for sender in (
                "15005550006",
                "+1 500 555 0006",
                "+0123456789",
                "12",
                "123456789",
                "twelve-chars",
                "Grüße",
                "a,b",
                " Pulse",
                "Pulse ",
                "- 1",
                "MG" + "g" * 32,
                "MG" + "0" * 31,
                "MG" + "0" * 33,
                "whatsapp:+15005550006",
            )
        ),
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
        ({"PULSE_PUBLIC_URL": "https://-ä-.example"}, "PUBLIC_URL"),
        ({"PULSE_PUBLIC_URL": "https://pulse.example/?a=b"}, "PUBLIC_URL"),
        ({"PULSE_PUBLIC_URL": "https://pulse.example/#a"}, "PUBLIC_URL"),
        ({"PULSE_PUBLIC_URL": "https://pulse.example/a b"}, "PUBLIC_URL"),
        ({"PULSE_PUBLIC_URL": "https://pulse.example/<b>"}, "PUBLIC_URL"),
        ({"PULSE_SMTP_HOST": "mail.-ä-.example"}, "SMTP_HOST"),
        ({"PULSE_SMTP_FROM": "nobody"}, "SMTP_FROM"),
        ({"PULSE_SMTP_FROM": "Pulse <pulse@-ä-.example>"}, "SMTP_FROM"),
        ({"PULSE_SES_FROM": "nobody"}, "SES_FROM"),
        ({"PULSE_SES_EVENT_TOPICS": "arn:aws:sns:eu-west-1:123456789012:ses, ses"}, "SES_EVENT_TOPICS"),
        ({"PULSE_SES_EVENT_BASE_URL": "http://sns/x"}, "SES_EVENT_BASE_URL"),
        ({"PULSE_ENV": "production", "PULSE_SES_EVENT_BASE_URL": "http://sns"}, "SES_EVENT_BASE_URL"),
        ({"PULSE_SES_REGION": "Frankfurt"}, "SES_REGION"),
        ({"PULSE_SES_BASE_URL": "https://"}, "SES_BASE_URL"),
        ({"PULSE_SNS_SENDER_ID": "much too long for one"}, "SNS_SENDER_ID"),
        ({"PULSE_AWS_ACCESS_KEY_ID": "key"}, "PULSE_AWS_SECRET_ACCESS_KEY"),
        ({"PULSE_WEBHOOK_URL": "https://receiver.example/pulse"}, "PULSE_WEBHOOK_SECRET"),
        ({"PULSE_WEBHOOK_URL": "receiver.example"}, "WEBHOOK_URL"),
        ({"PULSE_WEBHOOK_CHANNEL": "FAX"}, "WEBHOOK_CHANNEL"),
        (
            {"PULSE_ENV": "production", "PULSE_WEBHOOK_URL": "http://receiver", "PULSE_WEBHOOK_SECRET": "whsec_x"},
            "in the clear",
        ),
        ({"PULSE_DELIVERY_BREAKER_LEAST_CALLS": "51"}, "PULSE_DELIVERY_BREAKER_CALLS"),
        ({"PULSE_DELIVERY_BREAKER_PAUSE_SECONDS": "31"}, "LONGEST_PAUSE"),
        ({"PULSE_DELIVERY_BREAKER_FAILURE_SHARE": "0"}, "BREAKER_FAILURE_SHARE"),
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


def test_every_known_provider_is_built_and_found_where_it_listens() -> None:
    settings = DeliverySettings.load(EVERYTHING)
    built = registry.build(settings, SystemClock())
    channels = {"smtp": "EMAIL", "ses": "EMAIL", "twilio": "SMS", "sns": "SMS", "webhook": "SMS", "fcm": "PUSH"}
    assert {name: each.channel for name, each in built.items()} == channels
    listed = registry.endpoints(settings)
    assert [(each.name, each.channel) for each in listed] == list(channels.items())
    assert {each.name: each.host for each in listed if each.port == 443} == {
        "ses": "email.eu-central-1.amazonaws.com",
        "sns": "sns.cn-north-1.amazonaws.com.cn",
        "twilio": "api.twilio.com",
        "webhook": "receiver.example",
    }


def test_boto3_is_not_loaded_where_it_is_not_used() -> None:
    program = (
        "import sys; from services.delivery.config import DeliverySettings as S; from shared.clock import SystemClock;"
        "from services.delivery.providers import registry; registry.build(S(smtp_host='mail'), SystemClock());"
        "sys.exit('boto3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_secrets_do_not_show_in_the_dump() -> None:
    settings = DeliverySettings.load({**TWILIO, "PULSE_SMTP_USERNAME": "ada", "PULSE_SMTP_PASSWORD": "s3cret"})
    assert "s3cret" not in str(settings.redacted())


def test_the_ready_file_holds_the_process_id_and_goes(tmp_path: Path) -> None:
    ready = ReadyFile(str(tmp_path), "HIGH")
    ready.prepare()
    ready.write()
    path = tmp_path / "run" / "worker-high.ready"
    assert int(path.read_text()) > 0
    ready.remove()
    ready.remove()
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    "name", ["mail.example.org", "localhost", "xn--mller-kva.example", "[192.0.2.1]", "[IPv6:::1]"]
)
def test_the_name_said_to_mail_servers_is_a_host_or_an_address(name: str) -> None:
    assert DeliverySettings.load({"PULSE_SMTP_EHLO_NAME": name}).smtp_ehlo_name == name


@pytest.mark.parametrize(
    ("host", "sender", "said"),
    [
        ("mail.example.org", "us@example.com", "mail.example.org"),
        ("3f2a1b", "us@example.com", "example.com"),  # a container's
        ("my_host", "us@example.com", "example.com"),
        ("laptop", "pulse@localhost", "laptop"),
        ("my_host", "us@müller.example", "localhost"),
    ],
)
def test_without_one_it_is_a_whole_name_wherever_there_is_one(
    monkeypatch: pytest.MonkeyPatch, host: str, sender: str, said: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert hello.default_hello_name(sender) == said


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_authorities_that_is_none_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    given = {"PULSE_SMTP_HOST": "mail", "PULSE_SMTP_TLS": "starttls", "PULSE_SMTP_CA_FILE": str(file)}
    with pytest.raises(OSError, match=r"PULSE_SMTP_CA_FILE=.*ca\.pem is no PEM file"):
        registry.build(DeliverySettings.load(given), SystemClock())
