"""A folder of templates from disk: bounded, and nothing outside of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from services.cli.template_folder.problem import Problem

#: Says what its folder's template is beside its texts.
TOML = "template.toml"
#: One file at the most, bytes: a template has 3.5 MiB, and its TOML may be all of it.
MOST_BYTES = 4 * 2**20
#: Files of one template: 100 contents of a few each.
MOST_FILES = 500
MOST_TEMPLATES = 5_000
#: What a template may be called, in the contract as here.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
#: The folder of layouts and pieces that templates take in, which no template can be called.
FRAGMENTS = "fragments"

#: The files of one template or fragment by their names.
Files = Mapping[str, bytes]


class Unreadable(Exception):
    """A file or folder that cannot be taken; holds a :class:`Problem`."""

    def __init__(self, place: str, words: str) -> None:
        self.problem = Problem(place, words)
        super().__init__(words)


def folders(root: Path) -> Iterator[Path]:
    """The templates' folders, in order. Files beside them, and what is hidden, are somebody else's.

    Raises :class:`Unreadable`.
    """
    yield from (path for path in _inner(root, "") if path.name != FRAGMENTS)


def fragment_folders(root: Path) -> Iterator[Path]:
    """The fragments' folders, in order; none where there is no folder of them. Raises :class:`Unreadable`."""
    if (root / FRAGMENTS).is_dir():
        _within(root, root / FRAGMENTS)
        for path in _listed(root / FRAGMENTS, FRAGMENTS, MOST_TEMPLATES):
            if path.name[0] != "." and not path.is_dir():
                raise Unreadable(f"{FRAGMENTS}/{path.name}", "is no fragment: each has a folder of its own")
        yield from _inner(root / FRAGMENTS, FRAGMENTS)


def _inner(folder: Path, place: str) -> Iterator[Path]:
    return (path for path in _listed(folder, place, MOST_TEMPLATES) if path.is_dir() and path.name[0] != ".")


def read(root: Path, folder: Path) -> Files:
    """The files of one template or fragment, without hidden ones; raises :class:`Unreadable`."""
    place = str(folder.relative_to(root))
    if not NAME.fullmatch(folder.name):
        raise Unreadable(place, "is no name of a template: letters, digits, _, - and ., at most 100")
    _within(root, folder)
    names = _listed(folder, place, MOST_FILES)
    return {path.name: _content(root, path) for path in names if path.name[0] != "."}


def _listed(folder: Path, place: str, most: int) -> list[Path]:
    try:
        found = list(islice(folder.iterdir(), most + 1))
    except OSError as error:
        raise Unreadable(place, error.strerror or "cannot be read") from None
    if len(found) > most:
        raise Unreadable(place, f"holds more than {most:,} files")
    return sorted(found)


def _within(root: Path, path: Path) -> Path:
    """Where a path leads; raises :class:`Unreadable` if that is outside of the root."""
    place = str(path.relative_to(root))
    try:
        real = path.resolve(strict=True)
        if real.is_relative_to(root.resolve(strict=True)):
            return real
    except (OSError, RuntimeError) as error:  # a link to nowhere, or round in a circle
        raise Unreadable(place, getattr(error, "strerror", None) or "is a link that leads nowhere") from None
    raise Unreadable(place, "leads out of the folder")


def _content(root: Path, path: Path) -> bytes:
    place, real = str(path.relative_to(root)), _within(root, path)
    if not real.is_file():
        raise Unreadable(place, "is no file")
    try:
        with real.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(place, error.strerror or "cannot be read") from None
    if len(content) > MOST_BYTES:
        raise Unreadable(place, f"has more than {MOST_BYTES // 2**20} MiB")
    return content
