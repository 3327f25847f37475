"""All templates of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.cli.template_folder import reading
from services.cli.template_folder.converting import LocalTemplate, template_of
from services.cli.template_folder.problem import Problem
from services.cli.template_folder.reading import Unreadable


def read(root: Path) -> tuple[Mapping[str, LocalTemplate], list[Problem]]:
    """Those that can be read, by their names, and all that is wrong with the others."""
    found: dict[str, LocalTemplate] = {}
    problems: list[Problem] = []
    try:
        for folder in reading.folders(root):
            try:
                made, wrong = template_of(folder.name, reading.read(root, folder))
            except Unreadable as error:
                problems.append(error.problem)
                continue
            problems += wrong
            if not wrong:
                found[folder.name] = made
    except Unreadable as error:
        problems.append(error.problem)
    return found, problems
