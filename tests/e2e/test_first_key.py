"""A laptop that asks for keys from its first start, and one that begins to: who made a key decides what it opens."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from proof.local_run import pulse
from proof.waiting import wait_until
from tests.e2e.suite import Suite, running

KEY = re.compile(r"export PULSE_API_KEY=(pulse_[0-9a-f]{16}_[0-9a-f]{64})")
SEND = {"user_id": "u", "template_name": "welcome_email", "to": "a@example.com", "context": {"name": "A"}}


def send(suite: Suite, key: str) -> httpx.Response:
    return suite.rest.post("/v1/notifications", json=SEND, headers={"Authorization": f"Bearer {key}"} if key else {})


def test_a_first_key_is_made_and_shown_once(tmp_path: Path) -> None:
    output = tmp_path / "up.log"
    with running(tmp_path, PULSE_AUTH="required") as suite:
        wait_until(lambda: KEY.search(output.read_text()))
        (key,) = KEY.findall(output.read_text())
        assert send(suite, key).status_code == 200, "the first templates are there too"
        assert send(suite, "").status_code == 401
        assert '-H "Authorization: Bearer $PULSE_API_KEY"' in output.read_text()
        made = pulse(tmp_path, "keys", "create", "billing", "--scope", "send", PULSE_API_KEY=key)
        assert made.returncode == 0, made.stderr
        said = b"".join(file.read_bytes() for file in (tmp_path / "log").iterdir())
    assert key.rpartition("_")[2].encode() not in said
    with running(tmp_path, PULSE_AUTH="required") as again:
        wait_until(lambda: output.read_text().count("Pulse is ready") == 2)
        assert len(KEY.findall(output.read_text())) == 1
        assert send(again, key).status_code == 200
        check_session(again, key)


def check_session(suite: Suite, key: str) -> None:
    """A session of the key does what the key does, until it is ended."""
    bearer = {"Authorization": f"Bearer {key}"}
    session = suite.rest.post("/v1/sessions", json={"lifetime": "3600s"}, headers=bearer).json()
    wait_until(lambda: looked(suite, session["secret"]) == 200)
    listed = suite.rest.get("/v1/keys", headers=bearer).json()["keys"]
    assert session["key"]["key_id"] not in [one["key_id"] for one in listed]
    ended = suite.rest.post(f"/v1/sessions/{session['key']['key_id']}:end", headers=bearer, json={})
    assert ended.status_code == 200, ended.text
    wait_until(lambda: looked(suite, session["secret"]) == 401)
    assert looked(suite, key) == 200


def looked(suite: Suite, key: str) -> int:
    """What a key is answered that looks at templates."""
    return suite.rest.get("/v1/templates", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_made_while_none_was_asked_for_opens_nothing_later(tmp_path: Path) -> None:
    with running(tmp_path) as open_to_all:
        made = open_to_all.rest.post("/v1/keys", json={"name": "eve", "scopes": ["administer", "send"]})
        assert made.status_code == 200, made.text
        stale = made.json()["secret"]
    with running(tmp_path, PULSE_AUTH="required") as suite:
        answer = send(suite, stale)
        assert answer.status_code == 401
        assert answer.json()["details"][0]["reason"] == "API_KEY_OF_DEVELOPMENT"
        wait_until(lambda: KEY.search((tmp_path / "up.log").read_text()))
        (key,) = KEY.findall((tmp_path / "up.log").read_text())
        assert send(suite, key).status_code == 200
