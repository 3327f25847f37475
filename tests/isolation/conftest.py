"""One running suite for all of these tests, and what they measured, told at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.isolation.house import House, inhabited

LINES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A suite with two tenants."""
    with inhabited(tmp_path_factory.mktemp("isolation")) as house:
        yield house


@pytest.fixture
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Has a line said at the end of the run, whether all went well or not."""
    return pytestconfig.stash.setdefault(LINES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """p99 alone → beside an attack, and resident memory before → highest → after it."""
    if lines := config.stash.get(LINES, []):
        terminalreporter.section("one tenant beside another")
        for line in lines:
            terminalreporter.write_line(line)
