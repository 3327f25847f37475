"""``pulse limits``, ``providers`` and ``recipients``, against a gateway that remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import Result

from pulse.common.v1 import provider_pb2, recipient_pb2
from tests.client.fake_gateway import FakeGateway
from tests.client.fake_kept import ID

Pulse = Callable[..., Result]


def test_limits_are_listed(pulse: Pulse) -> None:
    ran = pulse("limits", "list")
    assert ran.exit_code == 0, ran.stderr
    assert all(text in ran.stdout for text in ("tenant", "60 s", "ann"))
    assert json.loads(pulse("limits", "list", "--json").stdout)[0]["window"] == 60


def test_a_limit_is_set_and_forgotten(pulse: Pulse, gateway: FakeGateway) -> None:
    ran = pulse("limits", "set", "user_channel", "3", "--per", "1m", "--subject", "login_otp", "--tenant", "acme")
    assert ran.exit_code == 0 and "made is 3 per 60 s" in ran.stderr
    limit = gateway.operations.requests[0].limit
    assert (limit.kind, limit.amount, limit.window.seconds, limit.subject) == (1, 3, 60, "login_otp")
    assert limit.tenant_id == "acme"
    assert pulse("limits", "delete", "user_channel:login_otp").exit_code == 0
    assert gateway.operations.requests[1].limit_id == "user_channel:login_otp"


def test_providers_are_listed_with_what_ails_them(pulse: Pulse) -> None:
    ran = pulse("providers", "list")
    assert ran.exit_code == 0, ran.stderr
    assert all(text in ran.stdout for text in ("twilio", "OPEN", "7 of 10 failed; refused", "no"))
    assert json.loads(pulse("providers", "list", "--json").stdout)[0]["breaker"] == "OPEN"


def test_a_provider_or_a_channel_is_paused_and_resumed(pulse: Pulse, gateway: FakeGateway) -> None:
    assert "twilio is paused" in pulse("providers", "pause", "twilio").stderr
    assert "SMS goes on" in pulse("providers", "resume", "--channel", "sms").stderr
    pause, resume = gateway.operations.requests
    assert (pause.provider, pause.channel, resume.provider, resume.channel) == ("twilio", 0, "", 2)


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ("open", provider_pb2.FORCED_OPEN),
        ("closed", provider_pb2.FORCED_CLOSED),
        ("automatic", provider_pb2.AUTOMATIC),
    ],
)
def test_a_breaker_is_overridden(pulse: Pulse, gateway: FakeGateway, wanted: str, number: int) -> None:
    assert pulse("providers", "override", "twilio", wanted).exit_code == 0
    assert gateway.operations.requests[0].override == number


def test_a_users_wishes_are_replaced_and_shown(pulse: Pulse, gateway: FakeGateway) -> None:
    options = ("--off", "newsletter:email", "--on", "sms", "--quiet", "22:00-07:00", "--time-zone", "Europe/Berlin")
    ran = pulse("recipients", "prefer", "ann", *options)
    assert ran.exit_code == 0, ran.stderr
    wanted = gateway.recipients.requests[0].preferences
    assert (wanted.quiet_from, wanted.quiet_until, wanted.time_zone) == ("22:00", "07:00", "Europe/Berlin")
    assert [(c.category, c.channel, c.enabled) for c in wanted.choices] == [("", 2, True), ("newsletter", 1, False)]
    shown = pulse("recipients", "show", "ann").stdout
    assert all(text in shown for text in ("22:00 to 07:00", "newsletter by EMAIL", "COMPLAINT", "Pixel 9"))
    assert json.loads(pulse("recipients", "show", "ann", "--json").stdout)["device_tokens"][0]["token"] == "abc"


def test_a_user_is_suppressed_and_let_go(pulse: Pulse, gateway: FakeGateway) -> None:
    ran = pulse("recipients", "suppress", "ann", "--to", "ann@example.org", "--category", "news")
    assert (ran.exit_code, ran.stdout.strip()) == (0, ID)
    suppression = gateway.recipients.requests[0].suppression
    assert (suppression.user_id, suppression.address, suppression.category) == ("ann", "ann@example.org", "news")
    assert pulse("recipients", "unsuppress", "ann", ID).exit_code == 0


def test_a_device_is_added_and_removed(pulse: Pulse, gateway: FakeGateway) -> None:
    assert pulse("recipients", "add-device", "ann", "abc", "--label", "Pixel 9").stdout.strip() == ID
    assert gateway.recipients.requests[-1].device_token.kind == recipient_pb2.DeviceToken.FCM
    assert pulse("recipients", "add-device", "ann", "ab" * 32, "--kind", "apns").exit_code == 0
    assert gateway.recipients.requests.pop().device_token.kind == recipient_pb2.DeviceToken.APNS
    assert pulse("recipients", "add-device", "ann", "abc", "--kind", "PAGER").exit_code == 2
    assert pulse("recipients", "remove-device", "ann", ID).exit_code == 0
    assert [request.DESCRIPTOR.name for request in gateway.recipients.requests] == [
        "RegisterDeviceTokenRequest",
        "DeleteDeviceTokenRequest",
    ]


def test_a_send_names_where_to_go_next(pulse: Pulse, gateway: FakeGateway) -> None:
    ran = pulse(
        *("send", "hi", "--user", "u", "--to", "a@b.co"),
        *("--fallback", "sms:+15551234567@30s", "--fallback", "push", "--fallback", "email:b@example.org"),
    )
    assert ran.exit_code == 0, ran.stderr
    fallbacks = [(one.channel, one.to, one.after.seconds) for one in gateway.notifications.requests[0].fallbacks]
    assert fallbacks == [(2, "+15551234567", 30), (3, "", 0), (1, "b@example.org", 0)]
    assert "SMS, PUSH, EMAIL" in pulse("get", ran.stdout.strip()).stdout
    assert "DELIVERED" in pulse("acknowledge", ran.stdout.strip()).stderr


def test_a_digest_goes_into_a_template_and_through_a_file(pulse: Pulse, gateway: FakeGateway, tmp_path) -> None:
    assert pulse("template", "create", "t", "--channel", "email", "--body", "x", "--digest", "5m").exit_code == 0
    assert gateway.templates.stored["t"].digest_window.seconds == 300
    file = tmp_path / "t.json"
    file.write_text(pulse("template", "get", "t", "--json").stdout)
    assert pulse("template", "update", "--file", file).exit_code == 0
    file.write_text(file.read_text().replace("300.0", '"10m"'))
    assert pulse("template", "update", "--file", file).exit_code == 0
    assert gateway.templates.stored["t"].digest_window.seconds == 600


@pytest.mark.parametrize("window", ["1e300", "1e400", "-1e300", "1" + "0" * 400, '"99999999d"'])
def test_a_digest_that_is_longer_than_any_length_of_time_is_refused(
    pulse: Pulse, gateway: FakeGateway, tmp_path, window: str
) -> None:
    file = tmp_path / "t.json"
    file.write_text(f'{{"name": "t", "channel": "email", "contents": [{{"body": "x"}}], "digest_window": {window}}}')
    ran = pulse("template", "create", "--file", file)
    assert (ran.exit_code, "too long" in ran.stderr or "too large" in ran.stderr) == (2, True), ran.output
    assert not gateway.templates.stored


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("limits", "set", "speed", "3"), "'speed'"),
        (("limits", "set", "tenant", "-3"), "-3"),
        (("limits", "set", "tenant", "3", "--per", "soon"), "length of time"),
        (("providers", "pause"), "give a provider, or --channel"),
        (("providers", "resume", "smtp", "--channel", "email"), "give a provider, or --channel"),
        (("providers", "override", "smtp", "ajar"), "'ajar'"),
        (("recipients", "prefer", "ann", "--off", "news:fax"), "'fax'"),
        (("send", "hi", "--user", "u", "--fallback", "12:34"), "no fallback"),
        (("send", "hi", "--user", "u", "--fallback", "fax:1"), "'fax'"),
    ],
)
def test_what_cannot_be_meant_is_refused(pulse: Pulse, gateway: FakeGateway, arguments: tuple, told: str) -> None:
    ran = pulse(*arguments)
    assert ran.exit_code == 2 and told in ran.stderr, ran.stderr
    assert not gateway.operations.requests and not gateway.recipients.requests
