"""The OpenAPI document and the running REST surface agree: schemathesis makes requests from the one for the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.local.home import checkout
from tests.e2e.suite import Suite, running

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A suite of its own: whoever tries every operation also sets limits and pauses channels."""
    with running(tmp_path_factory.mktemp("spare") / "home") as suite:
        yield suite


#: As the suite serves it; that it does, the console's tests hold.
schema = schemathesis.openapi.from_path(checkout() / "services" / "console" / "static" / "openapi.json")


@schema.parametrize()
@settings(
    max_examples=8,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_the_document_says(case: schemathesis.Case, spare: Suite) -> None:
    case.call_and_validate(base_url=str(spare.rest.base_url), checks=CHECKS)
