"""``pulse template`` and the first templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from pulse.common.v1 import enums_pb2
from services.cli import seed
from shared.errors import Code, PulseError
from tests.client.fake_gateway import FakeGateway
from tests.support import newer_template

Pulse = Callable[..., Result]


def test_a_template_is_made_of_options(pulse: Pulse, gateway: FakeGateway, tmp_path: Path) -> None:
    (tmp_path / "body.txt").write_text("Hi {{ name }}")
    ran = pulse(
        *("template", "create", "hi", "--channel", "sms", "--priority", "high", "--category", "news"),
        *("--subject", "S", "--body", f"@{tmp_path}/body.txt", "--html", "<p>", "--locale", "de"),
    )
    assert ran.exit_code == 0, ran.stderr
    stored = gateway.templates.stored["hi"]
    assert (stored.channel, stored.priority, stored.category) == (enums_pb2.SMS, enums_pb2.HIGH, "news")
    assert (stored.contents[0].body, stored.default_locale) == ("Hi {{ name }}", "de")
    assert pulse("template", "preview", "hi", "--var", "name=Ann").stdout.endswith("Hi Ann\n")


def test_what_get_prints_is_what_a_file_takes(pulse: Pulse, tmp_path: Path) -> None:
    pulse("template", "create", "hi", "--channel", "sms", "--body", "Hi")
    file = tmp_path / "hi.json"
    file.write_text(pulse("template", "get", "hi", "--json").stdout)
    assert "version 2" in pulse("template", "update", "--file", file).stderr
    assert "version 1" in pulse("template", "create", "other", "--file", file).stderr
    assert [t["name"] for t in json.loads(pulse("template", "list", "--json").stdout)] == ["hi", "other"]


def test_a_file_says_what_goes_beside_the_texts(pulse: Pulse, gateway: FakeGateway, tmp_path: Path) -> None:
    push = {"link": "app://orders", "data": {"order": "{{ id }}"}}
    content = {"body": "Hi", "push": push, "sms": {"max_segments": 1}}
    file = tmp_path / "hi.json"
    file.write_text(json.dumps({"name": "hi", "channel": "push", "contents": [content]}))
    assert pulse("template", "create", "--file", file).exit_code == 0
    kept = gateway.templates.stored["hi"].contents[0]
    assert (kept.push.link, kept.push.data, kept.sms.max_segments) == ("app://orders", {"order": "{{ id }}"}, 1)
    printed = json.loads(pulse("template", "get", "hi", "--json").stdout)["contents"][0]
    assert {name: printed[name] for name in content} == content


def test_html_may_be_mjml(pulse: Pulse, gateway: FakeGateway, tmp_path: Path) -> None:
    pulse("template", "create", "hi", "--channel", "email", "--html", "<mjml>", "--mjml")
    assert gateway.templates.stored["hi"].contents[0].mjml
    file = tmp_path / "hi.json"
    file.write_text(pulse("template", "get", "hi", "--json").stdout)
    pulse("template", "create", "other", "--file", file)
    assert gateway.templates.stored["other"].contents[0].mjml
    file.write_text(json.dumps({"name": "x", "channel": "email", "contents": [{"html_body": "x", "mjml": "yes"}]}))
    assert "mjml must be true or false" in pulse("template", "create", "--file", file).output


def test_get_list_and_delete_are_readable(pulse: Pulse) -> None:
    pulse("template", "create", "hi", "--channel", "sms", "--body", "Hi")
    assert "Hi" in pulse("template", "get", "hi").stdout
    assert "SMS" in pulse("template", "list").stdout
    assert "out of use" in pulse("template", "delete", "hi").stderr
    assert "TEMPLATE_NOT_FOUND" in pulse("template", "delete", "hi").stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "not JSON"),
        ('{"name": "n"}', "needs a name, a channel and a body"),
        ('{"name": "n", "channel": "sms", "contents": [{"subject": "s"}]}', "needs a body"),
        ('{"name": "n", "channel": "sms", "contents": [1]}', "must be a JSON object"),
        ('{"name": "n", "channel": "sms", "contents": [{"bdy": "s"}]}', "no field bdy"),
        ('{"name": "n", "chanel": "sms", "contents": []}', "no field chanel"),
        ('{"name": "n", "channel": "push", "contents": [{"body": "b", "push": [1]}]}', "push must be a JSON object"),
        ('{"name": "n", "channel": "push", "contents": [{"body": "b", "push": {"lnk": "x"}}]}', "lnk"),
        ('{"name": 7, "channel": "sms", "contents": []}', "name must be text"),
        ('{"name": "n", "channel": "fax", "contents": []}', "EMAIL, SMS, PUSH"),
    ],
)
def test_a_file_that_is_no_template_is_a_usage_error(pulse: Pulse, tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "t.json"
    file.write_text(content)
    ran = pulse("template", "create", "--file", file, env={"COLUMNS": "400"})
    assert (ran.exit_code, told in ran.stderr) == (2, True), ran.stderr


def test_a_file_and_options_do_not_mix(pulse: Pulse, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("{}")
    assert pulse("template", "create", "--file", tmp_path / "t.json", "--body", "b").exit_code == 2


def test_the_first_templates_are_made_once(
    pulse: Pulse, gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    seed.main()
    seed.main()
    stored = gateway.templates.stored
    assert {name: (t.channel, t.priority, t.version) for name, t in stored.items()} == {
        "welcome_email": (enums_pb2.EMAIL, 0, 1),
        "welcome_push": (enums_pb2.PUSH, 0, 1),
        "login_otp": (enums_pb2.SMS, enums_pb2.HIGH, 1),
        "otp_sms": (enums_pb2.SMS, enums_pb2.HIGH, 1),
    }
    assert stored["welcome_email"].contents[0].subject == "Welcome to Pulse, {{ name }}!"
    assert capsys.readouterr() == ("", "")


def test_a_gateway_that_refuses_the_first_templates_ends_the_step(
    pulse: Pulse, gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.templates.refusal = PulseError(Code.PERMISSION_DENIED, "SCOPE_MISSING", "templates:write is needed")
    with pytest.raises(SystemExit) as ended:
        seed.main()
    assert ended.value.code == 1
    assert "SCOPE_MISSING: templates:write is needed" in capsys.readouterr().err


def test_what_is_not_known_of_a_template_is_kept_in_its_file(
    pulse: Pulse, gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.templates.stored["letter"] = newer_template.make()
    file = tmp_path / "letter.json"
    file.write_text(pulse("template", "get", "letter", "--json").stdout.replace("On paper", "By pigeon"))
    ran = pulse("template", "update", "--file", file)
    assert ran.exit_code == 0, ran.stderr
    expected = newer_template.make(body="By pigeon")
    expected.version = 2
    assert gateway.templates.stored["letter"] == expected


def test_options_leave_it_as_it_is_too(pulse: Pulse, gateway: FakeGateway) -> None:
    gateway.templates.stored["letter"] = newer_template.make()
    ran = pulse("template", "update", "letter", "--channel", "email", "--body", "Short", "--priority", "low")
    assert ran.exit_code == 0, ran.stderr
    stored = gateway.templates.stored["letter"]
    assert b"of the template" in stored.SerializeToString()
    assert [(content.body, content.channel) for content in stored.contents] == [("Short", 0)]
    assert stored.priority == enums_pb2.LOW


@pytest.mark.parametrize("unknown", ["%", "eA", 7, "/////w=="])
def test_what_is_no_print_of_it_is_a_usage_error(pulse: Pulse, tmp_path: Path, unknown: object) -> None:
    fields = {"name": "n", "channel": "sms", "contents": [{"body": "b", "unknown": unknown}]}
    file = tmp_path / "t.json"
    file.write_text(json.dumps(fields))
    assert pulse("template", "create", "--file", file).exit_code == 2
