"""One running suite for all end-to-end tests that do not break it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.suite import Suite, running


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """Everything, as `make up` starts it, in a folder of its own."""
    with running(tmp_path_factory.mktemp("suite") / "ho me") as started:
        yield started
