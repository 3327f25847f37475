"""``pulse fragments``, against a gateway that is really served."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from pulse.common.v1 import enums_pb2
from tests.client.fake_gateway import FakeGateway

Pulse = Callable[..., Result]


def test_a_fragment_is_made_of_options_shown_listed_and_deleted(
    pulse: Pulse, gateway: FakeGateway, tmp_path: Path
) -> None:
    (tmp_path / "body.html").write_text("<p>Bye")
    given = ("footer", "--body", f"@{tmp_path}/body.html", "--channel", "email", "--locale", "de")
    assert "version 1" in pulse("fragments", "create", *given).stderr
    content = gateway.fragments.kept["footer"].contents[0]
    assert (content.body, content.channel, content.locale) == ("<p>Bye", enums_pb2.EMAIL, "de")
    shown = pulse("fragments", "get", "footer").stdout
    assert all(words in shown for words in ("<p>Bye", "EMAIL", "address", "hello"))
    assert "footer" in pulse("fragments", "list").stdout
    assert pulse("fragments", "delete", "footer").exit_code == 0
    assert pulse("fragments", "get", "footer").exit_code == 1


def test_what_get_prints_is_what_a_file_takes(pulse: Pulse, gateway: FakeGateway, tmp_path: Path) -> None:
    pulse("fragments", "create", "footer", "--body", "Bye")
    file = tmp_path / "footer.json"
    file.write_text(pulse("fragments", "get", "footer", "--json").stdout)
    ran = pulse("fragments", "update", "--file", file, "--apply-to-templates")
    assert "version 2" in ran.stderr and "hello" in ran.stderr
    assert gateway.fragments.requests[-1].apply_to_templates
    assert [one["name"] for one in json.loads(pulse("fragments", "list", "--json").stdout)] == ["footer"]


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"contents": [{"body": "x"}]}, "needs a name"),
        ({"name": "a"}, "needs a name and a body"),
        ({"name": "a", "contents": [{}]}, "needs a name and a body"),
        ({"name": "a", "contents": [{"bodi": "x"}]}, "bodi"),
        ({"name": "a", "contents": ["x"]}, "JSON object"),
        ({"name": "a", "contents": [{"body": "x", "channel": "fax"}]}, "fax"),
        ({"name": "a", "contents": [{"body": 1}]}, "body"),
    ],
)
def test_a_file_that_is_no_fragment_is_refused(
    pulse: Pulse, gateway: FakeGateway, tmp_path: Path, fields: dict[str, object], words: str
) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(fields))
    ran = pulse("fragments", "create", "--file", file)
    assert (ran.exit_code, words in ran.output) == (2, True), ran.output
    assert not gateway.fragments.requests


def test_options_beside_a_file_are_refused(pulse: Pulse, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("{}")
    assert pulse("fragments", "create", "--file", file, "--body", "x").exit_code == 2
