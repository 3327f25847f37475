"""The `pulse` command knows every command that a page says, with its arguments and options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

from services.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)
#: At the start of a command, behind variables, or handed to a pod.
_COMMAND = re.compile(r"(?:^|[|&;(] *|-- |[A-Z_]+=\S* )(?:\.venv/bin/)?pulse ([a-z][^|&;)]*)")


def commands(page: Path) -> list[list[str]]:
    """The words behind `pulse` of each command in the page's shell blocks."""
    lines = [line for block in _BLOCK.findall(page.read_text()) for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(said, comments=True) for line in lines for said in _COMMAND.findall(line)]


def parse(words: list[str]) -> None:
    """Raises :class:`typer.TyperException` where the command line would be refused; runs nothing."""
    command, name, parent = get_command(app), "pulse", None
    while True:
        context = command.make_context(name, words, parent=parent)
        if not isinstance(command, TyperGroup):
            return
        found, following, words = command.resolve_command(context, context._protected_args + context.args)
        assert found is not None and following is not None
        command, name, parent = following, found, context


def test_commands_are_found_wherever_a_line_has_them() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 20
    assert ["keys", "list"] in commands(ROOT / "docs" / "operations.md")
    assert ["keys", "bootstrap"] in commands(ROOT / "docs" / "kubernetes.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_says_is_one(page: Path) -> None:
    for words in commands(page):
        parse(words)


@pytest.mark.parametrize(
    "wrong",
    ["keys bootstrap --name administrator", "keys make billing", "queue", "keys create billing", "providers list x"],
)
def test_one_that_is_none_would_be_seen(wrong: str) -> None:
    with pytest.raises(typer.TyperException):
        parse(wrong.split())
