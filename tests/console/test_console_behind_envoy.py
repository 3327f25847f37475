"""Behind Envoy the console's pages stay pages, beside an API that stays JSON."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.e2e.suite import Suite, running


@pytest.mark.parametrize(
    "path",
    [
        *("/console", "/console/notifications", "/console/dead-letters", "/console/templates", "/console/providers"),
        *("/docs", "/docs/", "/redoc", "/api/docs", "/api/docs/", "/api/redoc/"),
    ],
)
def test_pages_are_served_beside_the_api(suite: Suite, path: str) -> None:
    page = suite.rest.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/openapi.json", "/api/schema", "/api/schema/"])
def test_the_openapi_document_is_served_beside_the_api(suite: Suite, path: str) -> None:
    assert suite.rest.get(path).json()["openapi"].startswith("3.")


def test_every_operation_of_the_document_is_one_that_the_api_knows(suite: Suite) -> None:
    unknown = []
    for path, operations in suite.rest.get("/openapi.json").json()["paths"].items():
        for verb in operations:
            if _refusal(suite, verb, path) in ("UNKNOWN_PATH", "METHOD_NOT_ALLOWED"):
                unknown.append(f"{verb} {path}")
    assert not unknown


def _refusal(suite: Suite, verb: str, path: str) -> str:
    """The reason of an operation's error; empty for an answer, which may be a stream without an end."""
    address = path.replace("{", "%7B").replace("}", "%7D")
    with suite.rest.stream(verb.upper(), address, json={}) as answer:
        if not answer.is_error:
            return ""
        answer.read()
        return str(answer.json()["details"][0].get("reason", ""))


def test_an_error_of_the_console_is_a_page_and_one_of_the_api_is_json(suite: Suite) -> None:
    page = suite.rest.get("/console/notifications/nothing")
    assert page.status_code == 400
    assert page.headers["content-type"].startswith("text/html")
    assert suite.rest.get("/v1/notifications/nothing").json()["code"] == 3
    assert suite.rest.get("/v1/nothing").json()["details"][0]["reason"] == "UNKNOWN_PATH"


def test_a_page_that_begins_like_the_consoles_is_none_of_its_pages(suite: Suite) -> None:
    assert suite.rest.get("/consoles").json()["details"][0]["reason"] == "UNKNOWN_PATH"


def test_a_notification_that_was_sent_over_the_api_has_its_page(suite: Suite) -> None:
    sent = suite.send().json()["notification_id"]
    receipt = suite.until_arrived(sent)
    page = suite.rest.get(f"/console/notifications/{sent}")
    assert receipt["to"] in page.text
    assert "attempt 1 ended" in page.text


def test_what_people_search_for_is_not_logged(suite: Suite) -> None:
    suite.rest.get("/console/notifications", params={"q": "secret_user@example.com"})
    assert "secret_user" not in (suite.home / "log" / "console.log").read_text()


def test_a_suite_that_requires_keys_lets_an_operator_in_with_one(tmp_path: Path) -> None:
    key = "an operator's key"
    entry = {"tenant": "default", "name": "operator", "sha256": hashlib.sha256(key.encode()).hexdigest()}
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps([{**entry, "scopes": ["read", "operate", "templates", "send"]}]))
    settings = {"PULSE_AUTH": "required", "PULSE_GATEWAY_API_KEYS_FILE": str(keys), "PULSE_API_KEY": key}
    with running(tmp_path / "home", **settings) as suite:
        assert suite.rest.get("/console/templates").headers["location"].startswith("/console/login")
        form = suite.rest.get("/console/login").text
        token = re.search(r'name="form_token" value="(\w+)"', form)
        assert token
        fields = {"form_token": token[1], "next": "/console/templates"}
        assert suite.rest.post("/console/login", data={**fields, "api_key": "another"}).status_code == 401
        entered = suite.rest.post("/console/login", data={**fields, "api_key": key}, follow_redirects=True)
        assert entered.url.path == "/console/templates"
        assert "welcome_email" in entered.text
        assert suite.rest.get("/console/overview.json").json()["error"] is None
        assert key not in (suite.home / "log" / "console.log").read_text()
