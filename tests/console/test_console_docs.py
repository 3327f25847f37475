"""The OpenAPI document is the one that the protos make, and the pages that show it are there."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.console.web import docs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def document():
    return json.loads(docs.DOCUMENT.read_text())


def test_the_document_checked_in_is_the_one_the_protos_make(tmp_path):
    fresh = tmp_path / "openapi.json"
    subprocess.run([sys.executable, str(ROOT / "tools" / "openapi.py"), str(fresh)], check=True)
    assert fresh.read_text() == docs.DOCUMENT.read_text(), "run tools/openapi.py"


def test_every_reference_leads_somewhere(document):
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert names == set(document["components"]["schemas"])


def test_operations_have_names_of_their_own_and_say_what_they_do(document):
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] and operation["description"] for operation in operations)


def test_a_send_tells_its_limits_its_key_and_its_answers(document):
    send = document["paths"]["/v1/notifications"]["post"]
    assert [parameter["name"] for parameter in send["parameters"]] == ["Idempotency-Key"]
    assert {"200", "400", "404", "422", "429", "default"} <= send["responses"].keys()
    body = document["components"]["schemas"]["SendNotificationRequest"]
    assert body["required"] == ["user_id", "template_name"], "a push may go to the registered devices"
    assert body["properties"]["user_id"]["maxLength"] == 256
    assert body["properties"]["metadata"]["maxProperties"] == 32


def test_the_originals_send_answers_202_and_200_for_a_replay(document):
    answers = document["paths"]["/api/notifications/send"]["post"]["responses"]
    assert {"200", "202", "429"} <= answers.keys()


def test_what_the_path_says_is_not_in_the_body_and_filters_are_query_parameters(document):
    update = document["paths"]["/v1/templates/{name}"]["put"]
    assert "name" not in update["requestBody"]["content"]["application/json"]["schema"]["properties"]
    letters = document["paths"]["/v1/operations/deadLetters"]["get"]
    assert "filter.failure_code" in [parameter["name"] for parameter in letters["parameters"]]


@pytest.mark.parametrize("path", ["/openapi.json", "/api/schema", "/api/schema/"])
async def test_the_document_is_served(visitor, path, document):
    assert (await visitor.get(path)).json() == document


@pytest.mark.parametrize(
    ("path", "script"),
    [
        ("/docs", "swagger-ui-bundle.js"),
        ("/docs/", "swagger-ui-bundle.js"),
        ("/api/docs/", "swagger-ui-bundle.js"),
        ("/redoc", "redoc.standalone.js"),
        ("/api/redoc/", "redoc.standalone.js"),
    ],
)
async def test_both_pages_are_served_with_and_without_a_slash(visitor, path, script):
    assert script in (await visitor.get(path)).text


@pytest.mark.skipif(
    importlib.util.find_spec(docs.PACKAGE) is None, reason="the package with the pages' scripts is missing"
)
@pytest.mark.parametrize("name", sorted(docs.ASSETS))
async def test_their_scripts_and_styles_come_from_here(visitor, name):
    asset = await visitor.get(f"/docs/assets/{name}")
    assert asset.status_code == 200
    assert len(asset.content) > 100_000
