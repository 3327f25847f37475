"""All templates and fragments of a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pulse.common.v1.fragment_pb2 import Fragment
from pulse.common.v1.template_pb2 import Template
from services.cli.template_folder import reading
from services.cli.template_folder.converting import template_of
from services.cli.template_folder.fragments import fragment_of
from services.cli.template_folder.local import Kind, Local
from services.cli.template_folder.problem import Problem
from services.cli.template_folder.reading import Files, Unreadable


@dataclass
class Folder:
    """What could be read, by name, and all that is wrong with the rest."""

    templates: dict[str, Local[Template]] = field(default_factory=dict)
    fragments: dict[str, Local[Fragment]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def places(self) -> list[str]:
        """Where its templates and fragments are."""
        return [local.place for local in self.templates.values()] + [local.place for local in self.fragments.values()]


def read(root: Path) -> Folder:
    """All of it."""
    made = Folder()
    made.templates = dict(_read(root, reading.folders(root), template_of, made.problems))
    made.fragments = dict(_read(root, reading.fragment_folders(root), fragment_of, made.problems))
    return made


def _read(
    root: Path,
    folders: Iterable[Path],
    make: Callable[[str, Files], tuple[Local[Kind], list[Problem]]],
    problems: list[Problem],
) -> Iterator[tuple[str, Local[Kind]]]:
    try:
        for folder in folders:
            try:
                made, wrong = make(folder.name, reading.read(root, folder))
            except Unreadable as error:
                problems.append(error.problem)
                continue
            problems += wrong
            if not wrong:
                yield folder.name, made
    except Unreadable as error:
        problems.append(error.problem)
